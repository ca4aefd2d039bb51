-- Population library.
create schema population;
comment on schema population is '人口库：人口、来源记录、亲属、就业';

create table population.person (
    person_id text primary key,
    citizen_id text,
    name text,
    sex_code text,
    ethnicity_code text,
    birth_date date,
    death_date date,
    birth_place_code text,
    marital_status_code text,
    education_code text,
    phone text,
    household_id text,
    registered_address text,
    registered_region_code text,
    residence_address text,
    residence_region_code text,
    address_code text,
    geom geometry(Point, 4490),
    living_status text not null check (living_status in ('living', 'dead', 'moved_out')),
    row_hash uuid,
    version_from date not null
);
create index on population.person (citizen_id);
create index on population.person (name);
create index on population.person (household_id);
create index on population.person (residence_region_code);
create index on population.person (address_code);
create index on population.person using gist (geom);
create table population.person_history (like population.person, version_to date not null);
create index on population.person_history (person_id);

create table population.person_record (
    dataset text not null,
    source_key text not null,
    role text not null,
    person_id text not null,
    rule text not null,
    probability double precision not null check (probability between 0 and 1),
    row_hash uuid,
    version_from date not null,
    primary key (dataset, source_key, role)
);
create index on population.person_record (person_id);

create table population.person_redirect (
    old_id text primary key,
    new_id text not null,
    at timestamptz not null,
    why text not null,
    row_hash uuid,
    version_from date not null
);

create table population.kinship (
    person_id text not null,
    related_person_id text not null,
    relation text not null check (relation in ('spouse', 'mother', 'father')),
    since date,
    until date,
    row_hash uuid,
    version_from date not null,
    primary key (person_id, related_person_id, relation)
);
create index on population.kinship (related_person_id);
create table population.kinship_history (like population.kinship, version_to date not null);

create table population.employment (
    person_id text not null,
    entity_id text not null,
    dataset text not null,
    since date,
    until date,
    row_hash uuid,
    version_from date not null,
    primary key (person_id, entity_id, dataset)
);
create index on population.employment (entity_id);
create table population.employment_history (like population.employment, version_to date not null);

create table match.person_member (
    dataset text not null,
    source_key text not null,
    role text not null,
    person_id text not null,
    former boolean not null,
    first_delivered_on date not null,
    primary key (dataset, source_key, role)
);
create table match.person_edge (
    left_record text not null,
    right_record text not null,
    rule text not null,
    probability double precision not null,
    evidence text,
    primary key (left_record, right_record, rule)
);
comment on table match.person_member is '人的成员记录，含已从全量中消失者（former），编号据此保持不变';
comment on table match.person_edge is '人的关联边：两条记录、规则、概率、证据';

create function population.person_as_of(day date) returns setof population.person language sql stable as $$
    select * from population.person where version_from <= day
    union all
    select person_id, citizen_id, name, sex_code, ethnicity_code, birth_date, death_date, birth_place_code, marital_status_code,
        education_code, phone, household_id, registered_address, registered_region_code, residence_address,
        residence_region_code, address_code, geom, living_status, row_hash, version_from
    from population.person_history where version_from <= day and day < version_to
$$;
comment on function population.person_as_of is '某一业务日期的人口';

comment on table population.person is '人口：一人一行';
comment on column population.person.person_id is '人口标识，永不改变、永不重用';
comment on column population.person.citizen_id is '公民身份号码（GB 11643-1999），18 位';
comment on column population.person.name is '现用姓名（内部空格已去，间隔号为 U+00B7）';
comment on column population.person.sex_code is '性别（GB/T 2261.1-2003）';
comment on column population.person.ethnicity_code is '民族（GB/T 3304-1991）';
comment on column population.person.birth_date is '出生日期';
comment on column population.person.death_date is '死亡日期（先信死亡证）';
comment on column population.person.birth_place_code is '出生地（GB/T 2260，6 位）';
comment on column population.person.marital_status_code is '婚姻状况（GB/T 2261.2-2003）';
comment on column population.person.education_code is '文化程度（GB/T 4658-2006）';
comment on column population.person.phone is '联系电话';
comment on column population.person.household_id is '户号（公安户籍）';
comment on column population.person.registered_address is '户籍地址';
comment on column population.person.registered_region_code is '户籍地区划（12 位）';
comment on column population.person.residence_address is '居住地址';
comment on column population.person.residence_region_code is '居住地区划（12 位，知道几级填几级，其后补零）';
comment on column population.person.address_code is '居住地的标准地址编码';
comment on column population.person.geom is '居住地点位，CGCS2000（EPSG:4490）';
comment on column population.person.living_status is '状态：living 在，dead 亡，moved_out 迁出';
comment on table population.person_history is '人口的历史版本';
comment on table population.person_record is '来源记录属于谁、凭什么规则';
comment on column population.person_record.dataset is '数据集';
comment on column population.person_record.source_key is '来源主键';
comment on column population.person_record.role is '此人在记录中的角色';
comment on column population.person_record.person_id is '人口标识';
comment on column population.person_record.rule is '关联规则';
comment on column population.person_record.probability is '最强一条关联的概率；确定性规则为 1';
comment on table population.person_redirect is '人口标识的合并去向';
comment on column population.person_redirect.old_id is '旧标识';
comment on column population.person_redirect.new_id is '现标识';
comment on column population.person_redirect.at is '何时';
comment on column population.person_redirect.why is '为何';
comment on table population.kinship is '亲属：related_person 是 person 的 relation；配偶记两行';
comment on column population.kinship.person_id is '人口标识';
comment on column population.kinship.related_person_id is '亲属的人口标识';
comment on column population.kinship.relation is '关系：spouse 配偶，mother 母，father 父';
comment on column population.kinship.since is '出生或登记之日起';
comment on column population.kinship.until is '离婚或死亡之日止';
comment on table population.kinship_history is '亲属的历史版本';
comment on table population.employment is '就业：谁受雇于何单位、何处所说';
comment on column population.employment.person_id is '人口标识';
comment on column population.employment.entity_id is '单位标识';
comment on column population.employment.dataset is '数据集';
comment on column population.employment.since is '起始日期（交付中有开户日期者）';
comment on column population.employment.until is '终止日期';
comment on table population.employment_history is '就业的历史版本';

-- the same two words of every published table, and the columns of history tables
do $$
declare t record;
begin
    for t in
        select n.nspname, k.relname, a.attname from pg_attribute a join pg_class k on k.oid = a.attrelid join pg_namespace n on n.oid = k.relnamespace
        where n.nspname in ('population', 'legal_entity', 'match') and k.relkind = 'r' and a.attnum > 0 and not a.attisdropped
            and col_description(k.oid, a.attnum) is null
    loop
        execute format('comment on column %I.%I.%I is %L', t.nspname, t.relname, t.attname, coalesce(
            case t.attname when 'row_hash' then '行指纹' when 'version_from' then '本版本自何业务日期起' when 'version_to' then '本版本至何业务日期止（不含）' end,
            (select col_description(b.oid, c.attnum) from pg_class b join pg_namespace m on m.oid = b.relnamespace join pg_attribute c on c.attrelid = b.oid
             where m.nspname = t.nspname and b.relname = replace(t.relname, '_history', '') and b.relname <> t.relname and c.attname = t.attname),
            case t.attname when 'dataset' then '数据集' when 'source_key' then '来源主键' when 'role' then '角色' when 'former' then '已从全量中消失'
                when 'first_delivered_on' then '首次交付日期' when 'entity_id' then '单位标识' when 'person_id' then '人口标识' when 'left_record' then '左记录'
                when 'right_record' then '右记录' when 'rule' then '规则' when 'probability' then '概率' when 'evidence' then '证据' end));
    end loop;
end $$;
