-- Judgements of people, which outrank every score; the pairs that wait for one; and why a record belongs to whom.
create table match.judgement (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('person', 'entity')),
    left_record text not null,
    right_record text not null,
    verdict text not null check (verdict in ('same', 'different', 'undecided')),
    by text not null check (by <> ''),
    why text not null check (why <> ''),
    at timestamptz not null default now(),
    until date,
    withdrawn_at timestamptz,
    withdrawn_by text,
    withdrawn_why text,
    constraint two_records check (left_record <> right_record)
);
create unique index one_judgement_stands on match.judgement (kind, left_record, right_record) where withdrawn_at is null;
comment on table match.judgement is '人工裁决：两条记录是否同一人（单位）；胜过任何分数，重算、换参数后依然有效，可以撤回；旧裁决留作记录，从不删除';
comment on column match.judgement.id is '裁决编号';
comment on column match.judgement.kind is 'person 人，entity 单位';
comment on column match.judgement.left_record is '一条记录：数据集|来源主键|角色';
comment on column match.judgement.right_record is '另一条记录：数据集|来源主键|角色；按字符次序在后';
comment on column match.judgement.verdict is 'same 是同一个，different 不是同一个，undecided 看过而未能决定（不影响关联）';
comment on column match.judgement.by is '谁裁决';
comment on column match.judgement.why is '理由';
comment on column match.judgement.at is '裁决时间';
comment on column match.judgement.until is '有效至此业务日期（含）；空为长期';
comment on column match.judgement.withdrawn_at is '撤回时间；空为仍然有效';
comment on column match.judgement.withdrawn_by is '谁撤回；被新裁决取代的为新裁决人';
comment on column match.judgement.withdrawn_why is '撤回的理由';

create table match.review (
    pair text not null generated always as (left(md5(left_record || ' ~ ' || right_record), 8)) stored,
    kind text not null check (kind in ('person', 'entity')),
    left_record text not null,
    right_record text not null,
    probability double precision check (probability between 0 and 1),
    bits double precision,
    reason text not null check (reason in ('grey', 'margin', 'guard', 'named')),
    weights jsonb not null default '{}',
    state text not null default 'open' check (state in ('open', 'accepted', 'rejected', 'undecided')),
    opened_at timestamptz not null default now(),
    primary key (kind, left_record, right_record)
);
create index on match.review (pair);
create index on match.review (kind, state, probability desc);
comment on table match.review is '待裁决的两两对照：可能是同一人（单位）而没有把握的记录，各项比较的结果与权重；每次发布时更新，已裁决的留到裁决撤回';
comment on column match.review.pair is '短编号：两条记录（以“ ~ ”相连）MD5 的前八位';
comment on column match.review.kind is 'person 人，entity 单位';
comment on column match.review.left_record is '一条记录：数据集|来源主键|角色';
comment on column match.review.right_record is '另一条记录：数据集|来源主键|角色；按字符次序在后';
comment on column match.review.probability is '是同一个的概率；由人直接指名裁决而未曾比较过的为空';
comment on column match.review.bits is '证据之和（比特，含先验）';
comment on column match.review.reason is '为何要人看：grey 概率在灰区，margin 与次优相差不大，guard 分数高而有一处说不通，named 由人直接指名';
comment on column match.review.weights is '各项比较：{比较: [结果, 权重（比特）]}，另有 prior 先验（比特）';
comment on column match.review.state is 'open 待裁决，accepted 判为同一个，rejected 判为不同，undecided 看过未决';
comment on column match.review.opened_at is '首次列入的时间';

create table match.rule (
    kind text not null check (kind in ('person', 'entity')),
    rule text not null,
    title text not null,
    certain boolean not null,
    primary key (kind, rule)
);
insert into match.rule (kind, rule, title, certain) values
    ('person', 'id_and_name', '身份号码与姓名都相同', true),
    ('person', 'id_and_like_name', '身份号码相同，姓名同音、形近或有缺字', true),
    ('person', 'id_and_birth', '身份号码相同，姓名不同而出生日期或姓氏、性别相符', true),
    ('person', 'id', '身份号码相同，记录没有姓名', true),
    ('person', 'corrected_number', '号码曾更正：姓名、性别、发证地相同，且同户、同址或同电话', true),
    ('person', 'scored_number', '打分：号码只差一两处或部分遮盖', false),
    ('person', 'scored_context', '打分：同户、同单位或同一行中的亲属', false),
    ('person', 'scored_phone', '打分：电话相同', false),
    ('person', 'scored_address', '打分：住址相同', false),
    ('person', 'scored_name_birth', '打分：姓名与出生日期', false),
    ('person', 'scored_pair', '打分：两条都没有可用号码的记录相互对上', false),
    ('person', 'judged_same', '人工裁决为同一人', true),
    ('person', 'alone', '不与任何记录相连，自成一人', true),
    ('entity', 'credit_code', '统一社会信用代码相同', true),
    ('entity', 'organization_code', '组织机构代码相同（含信用代码所含者）', true),
    ('entity', 'registration_number', '注册号相同', true),
    ('entity', 'department_key', '部门给单位的编号相同', true),
    ('entity', 'same_record', '同一条记录的前后两个版本', true),
    ('entity', 'name', '名称相同，地点、负责人等相符', false),
    ('entity', 'name_core', '字号与行业相同，地点、负责人等相符', false),
    ('entity', 'name_like', '名称只差一字，地点、负责人等相符', false),
    ('entity', 'judged_same', '人工裁决为同一单位', true),
    ('entity', 'alone', '不与任何记录相连，自成一个单位', true);
comment on table match.rule is '关联规则的说明';
comment on column match.rule.kind is 'person 人，entity 单位';
comment on column match.rule.rule is '规则';
comment on column match.rule.title is '说明';
comment on column match.rule.certain is '是否确定性规则（不靠打分）';

create index on match.person_edge (right_record);
create index on match.entity_edge (right_record);

create view match.person_why as
select r.dataset, r.source_key, r.role, r.person_id, r.rule, t.title as rule_title, r.probability, e.other_record, e.evidence
from population.person_record r
left join match.rule t on t.kind = 'person' and t.rule = r.rule
left join lateral (
    select case when x.left_record = w.record then x.right_record else x.left_record end as other_record, x.evidence
    from (select r.dataset || '|' || r.source_key || '|' || r.role as record) w
    join match.person_edge x on x.left_record = w.record or x.right_record = w.record
    where x.rule = r.rule order by x.probability desc, x.left_record, x.right_record limit 1
) e on true;
comment on view match.person_why is '每条记录为何是这个人：规则、概率、对上的是哪条记录、证据';

create view match.entity_why as
select r.dataset, r.source_key, r.role, r.entity_id, r.rule, t.title as rule_title, r.probability, e.other_record, e.evidence
from legal_entity.entity_record r
left join match.rule t on t.kind = 'entity' and t.rule = r.rule
left join lateral (
    select case when x.left_record = w.record then x.right_record else x.left_record end as other_record, x.evidence
    from (select r.dataset || '|' || r.source_key || '|' || r.role as record) w
    join match.entity_edge x on x.left_record = w.record or x.right_record = w.record
    where x.rule = r.rule order by x.probability desc, x.left_record, x.right_record limit 1
) e on true;
comment on view match.entity_why is '每条记录为何是这个单位：规则、概率、对上的是哪条记录、证据';

-- one word for a column wherever it stands
do $$
declare t record;
begin
    for t in
        select k.relname, k.relkind, a.attname
        from pg_attribute a join pg_class k on k.oid = a.attrelid
        where k.relnamespace = 'match'::regnamespace and k.relkind in ('r', 'v') and a.attnum > 0 and not a.attisdropped
            and col_description(k.oid, a.attnum) is null
    loop
        execute format('comment on column match.%I.%I is %L', t.relname, t.attname, case t.attname
            when 'dataset' then '数据集：部门/数据集' when 'source_key' then '来源主键' when 'role' then '记录中的角色'
            when 'person_id' then '人口标识' when 'entity_id' then '单位标识'
            when 'former' then '是否已从全量交付中消失' when 'first_delivered_on' then '首次交付日期'
            when 'left_record' then '一条记录：数据集|来源主键|角色' when 'right_record' then '另一条记录：数据集|来源主键|角色'
            when 'rule' then '规则，说明见 match.rule' when 'rule_title' then '规则的说明' when 'probability' then '概率；确定性规则为 1'
            when 'evidence' then '证据：各项比较的结果与权重（JSON）；确定性规则为空' when 'other_record' then '对上的另一条记录：数据集|来源主键|角色'
            else t.attname end);
    end loop;
end $$;
