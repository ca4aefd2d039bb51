-- 各区县有多少食品经营许可，多少有效？
select
    coalesce(c.name, '不详') as county,
    case t.status when 'valid' then '有效' else '过期、吊销、注销或暂扣' end as status,
    count(*) as licences
from certificate.certificate t
left join legal_entity.entity e on e.entity_id = t.entity_id
left join geospatial.region c on c.code = left(e.region_code, 6) || '000000' and c.level = 'county'
where t.dataset like 'food_drug/%'
group by 1, 2
