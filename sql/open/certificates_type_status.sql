-- 各类证照有多少，多少有效？
select
    coalesce(t.type_name, '其他') as type,
    case t.status when 'valid' then '有效' else '过期、吊销、注销或暂扣' end as status,
    count(*) as certificates
from certificate.certificate t
where t.dataset not like 'food_drug/%' and t.dataset not like 'health/%'
group by 1, 2
