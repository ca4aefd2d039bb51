-- 各民族人口的文化程度如何？
select
    case p.ethnicity_code
        when '01' then '汉族' when '03' then '回族' when '04' then '藏族' when '06' then '苗族' when '07' then '彝族' when '08' then '壮族' when '15' then '土家族'
        else case when p.ethnicity_code is null then '不详' else '其他民族' end
    end as ethnicity,
    case left(p.education_code, 1)
        when '1' then '研究生' when '2' then '大学本科' when '3' then '大学专科' when '4' then '中等专业' when '5' then '技工学校'
        when '6' then '高中' when '7' then '初中' when '8' then '小学' when '9' then '其他' else '不详'
    end as education,
    count(*) as persons
from population.person p
where p.living_status = 'living' and p.residence_region_code is not null
group by 1, 2
