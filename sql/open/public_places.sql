-- 文化体育场馆、避难场所、水文站在哪里？
select
    p.name,
    case p.dataset when 'emergency/shelters' then '应急避难场所' when 'water/stations' then '水文监测站' else coalesce(p.category, '场馆') end as category,
    coalesce(c.name, '不详') as county,
    round(st_x(st_pointonsurface(p.geom))::numeric, 6)::double precision as longitude,
    round(st_y(st_pointonsurface(p.geom))::numeric, 6)::double precision as latitude,
    p.geom
from geospatial.place p
left join geospatial.region c on c.level = 'county' and st_intersects(c.geom, st_pointonsurface(p.geom))
where p.dataset in ('culture/venues', 'emergency/shelters', 'water/stations') and p.geom is not null
order by category, p.name, p.source_key
