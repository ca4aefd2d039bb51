-- 每个乡镇街道住着多少人，各年龄组男女各多少？
select
    left(p.residence_region_code, 9) || '000' as town_code,
    coalesce(c.name, '不详') as county,
    coalesce(t.name, '不详') as town,
    case
        when p.birth_date is null then '不详'
        when years <= 5 then '00-05岁'
        when years <= 14 then '06-14岁'
        when years <= 59 then '15-59岁'
        when years <= 79 then '60-79岁'
        else '80岁以上'
    end as age_band,
    case p.sex_code when '1' then '男' when '2' then '女' else '不详' end as sex,
    count(*) as persons
from population.person p
cross join lateral (select greatest(0, extract(year from age(theme.business_day(), p.birth_date)))::integer as years) y
left join geospatial.region t on t.code = left(p.residence_region_code, 9) || '000' and t.level = 'town'
left join geospatial.region c on c.code = left(p.residence_region_code, 6) || '000000' and c.level = 'county'
where p.living_status = 'living' and p.residence_region_code is not null
group by 1, 2, 3, 4, 5
