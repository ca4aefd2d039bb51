-- 各区县各行业有多少单位？
select
    case
        when section is null then '不详'
        when section = 'A' then '农、林、牧、渔业'
        when section in ('B', 'C', 'D') then '工业'
        when section = 'E' then '建筑业'
        when section = 'F' then '批发和零售业'
        when section = 'G' then '交通运输、仓储和邮政业'
        when section = 'H' then '住宿和餐饮业'
        when section = 'O' then '居民服务、修理和其他服务业'
        when section in ('P', 'Q', 'R', 'S') then '教育、卫生、文化与公共管理'
        else '其他服务业'
    end as industry,
    coalesce(c.name, '不详') as county,
    count(*) as entities
from legal_entity.entity e
cross join lateral (select theme.industry_section(e.industry_code) as section) i
left join geospatial.region c on c.code = left(e.region_code, 6) || '000000' and c.level = 'county'
where e.status = 'open'
group by 1, 2
