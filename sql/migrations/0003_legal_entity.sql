-- Legal entity library.
create schema legal_entity;
comment on schema legal_entity is '法人库：单位、来源记录、负责人';

create table legal_entity.entity (
    entity_id text primary key,
    uscc text,
    organization_code text,
    registration_number text,
    name text,
    former_names text,
    kind text,
    type_code text,
    parent_entity_id text,
    legal_representative text,
    registered_capital numeric(20, 2),
    registered_capital_currency text,
    industry_code text,
    established_on date,
    status text,
    closed_on date,
    address text,
    region_code text,
    address_code text,
    geom geometry(Point, 4490),
    row_hash uuid,
    version_from date not null
);
create index on legal_entity.entity (uscc);
create index on legal_entity.entity (organization_code);
create index on legal_entity.entity (name);
create index on legal_entity.entity (region_code);
create index on legal_entity.entity using gist (geom);
create table legal_entity.entity_history (like legal_entity.entity, version_to date not null);
create index on legal_entity.entity_history (entity_id);

create table legal_entity.entity_record (
    dataset text not null,
    source_key text not null,
    role text not null,
    entity_id text not null,
    rule text not null,
    probability double precision not null check (probability between 0 and 1),
    row_hash uuid,
    version_from date not null,
    primary key (dataset, source_key, role)
);
create index on legal_entity.entity_record (entity_id);

create table legal_entity.entity_redirect (
    old_id text primary key,
    new_id text not null,
    at timestamptz not null,
    why text not null,
    row_hash uuid,
    version_from date not null
);

create table legal_entity.person_role (
    entity_id text not null,
    person_id text not null,
    role text not null,
    row_hash uuid,
    version_from date not null,
    primary key (entity_id, person_id, role)
);
create index on legal_entity.person_role (person_id);
create table legal_entity.person_role_history (like legal_entity.person_role, version_to date not null);

create table match.entity_member (
    dataset text not null,
    source_key text not null,
    role text not null,
    entity_id text not null,
    former boolean not null,
    first_delivered_on date not null,
    primary key (dataset, source_key, role)
);
create table match.entity_edge (
    left_record text not null,
    right_record text not null,
    rule text not null,
    probability double precision not null,
    evidence text,
    primary key (left_record, right_record, rule)
);
comment on table match.entity_member is '单位的成员记录，含已从全量中消失者（former），编号据此保持不变';
comment on table match.entity_edge is '单位关联的边：两条记录、规则、概率、证据';

create function legal_entity.entity_as_of(day date) returns setof legal_entity.entity language sql stable as $$
    select * from legal_entity.entity where version_from <= day
    union all
    select entity_id, uscc, organization_code, registration_number, name, former_names, kind, type_code, parent_entity_id,
        legal_representative, registered_capital, registered_capital_currency, industry_code, established_on, status,
        closed_on, address, region_code, address_code, geom, row_hash, version_from
    from legal_entity.entity_history where version_from <= day and day < version_to
$$;
comment on function legal_entity.entity_as_of is '某一业务日期的单位';

comment on table legal_entity.entity is '单位：一个单位一行；分公司自成一个单位';
comment on column legal_entity.entity.entity_id is '单位标识，永不改变、永不重用';
comment on column legal_entity.entity.uscc is '统一社会信用代码（GB 32100-2015）';
comment on column legal_entity.entity.organization_code is '组织机构代码（GB 11714-1997），9 位，无连字符';
comment on column legal_entity.entity.registration_number is '工商注册号（GS 15-2006），15 位';
comment on column legal_entity.entity.name is '现用名称';
comment on column legal_entity.entity.former_names is '曾用名称，以 | 相连';
comment on column legal_entity.entity.kind is '类别：enterprise 企业，self_employed 个体工商户，social_organization 社会组织，public_institution 事业单位，cooperative 合作社，school 学校，other 其他';
comment on column legal_entity.entity.type_code is '市场主体类型代码（4 位）';
comment on column legal_entity.entity.parent_entity_id is '分支机构所属单位';
comment on column legal_entity.entity.legal_representative is '法定代表人、负责人或经营者姓名';
comment on column legal_entity.entity.registered_capital is '注册资本（元；外币按其币种）';
comment on column legal_entity.entity.registered_capital_currency is '注册资本币种（GB/T 12406 字母码）';
comment on column legal_entity.entity.industry_code is '行业代码（GB/T 4754-2017）';
comment on column legal_entity.entity.established_on is '成立日期';
comment on column legal_entity.entity.status is '状态：open 存续，revoked 吊销，cancelled 注销';
comment on column legal_entity.entity.closed_on is '注销或吊销日期';
comment on column legal_entity.entity.address is '住所';
comment on column legal_entity.entity.region_code is '住所所在区县（6 位，GB/T 2260）';
comment on column legal_entity.entity.address_code is '住所的标准地址编码';
comment on column legal_entity.entity.geom is '住所的点位，CGCS2000（EPSG:4490）';
comment on table legal_entity.entity_history is '单位的历史版本';
comment on table legal_entity.entity_record is '来源记录属于哪个单位、凭什么规则';
comment on column legal_entity.entity_record.dataset is '数据集';
comment on column legal_entity.entity_record.source_key is '来源主键';
comment on column legal_entity.entity_record.role is '该单位在记录中的角色';
comment on column legal_entity.entity_record.entity_id is '单位标识';
comment on column legal_entity.entity_record.rule is '关联规则';
comment on column legal_entity.entity_record.probability is '最强一条关联的概率；确定性规则为 1';
comment on table legal_entity.entity_redirect is '单位标识的合并去向';
comment on column legal_entity.entity_redirect.old_id is '旧标识';
comment on column legal_entity.entity_redirect.new_id is '现标识';
comment on column legal_entity.entity_redirect.at is '何时';
comment on column legal_entity.entity_redirect.why is '为何';
comment on table legal_entity.person_role is '谁代表单位';
comment on column legal_entity.person_role.entity_id is '单位标识';
comment on column legal_entity.person_role.person_id is '人口标识';
comment on column legal_entity.person_role.role is '角色：owner 个体经营者，principal 校长，legal_representative 法定代表人';
comment on table legal_entity.person_role_history is '谁代表单位：历史版本';
