-- 各类单位有多少，多少还在？
select
    case e.kind
        when 'enterprise' then '企业' when 'self_employed' then '个体工商户' when 'social_organization' then '社会组织' when 'public_institution' then '机关事业单位'
        when 'cooperative' then '农民专业合作社' when 'school' then '学校' else '其他'
    end as kind,
    case e.status when 'open' then '存续' when 'revoked' then '吊销' when 'cancelled' then '注销' else '不详' end as status,
    count(*) as entities
from legal_entity.entity e
group by 1, 2
