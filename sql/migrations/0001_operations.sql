-- Operations and quality: what arrived, what became of each row, what is wrong and with whom.
create schema if not exists ops;
comment on schema ops is '运行：交付、账目、发布、裁决';
create schema if not exists quality;
comment on schema quality is '质量：隔离、发现、检查结果、部门间分歧';
create schema if not exists staging;
comment on schema staging is '各数据集清洗后的现行记录，一个来源文件一张表';
create schema if not exists candidate;
comment on schema candidate is '待检查、未发布的候选数据；分析人员不读';
create schema if not exists match;
comment on schema match is '关联：边、成员、裁决';

create table ops.instance (
    id uuid primary key default gen_random_uuid(),
    created_at timestamptz not null default now()
);
comment on table ops.instance is '本库的身份：缓存据此辨认，不把别的库的缓存当成自己的';
comment on column ops.instance.id is '身份';
comment on column ops.instance.created_at is '建库时间';
insert into ops.instance default values;

create table ops.delivery (
    dataset text not null,
    delivery_id text not null,
    delivered_on date not null,
    kind text not null,
    state text not null check (state in ('loaded', 'rejected', 'held', 'discarded')),
    reason text,
    content_sha256 text not null,
    watermark text,
    rows_in bigint not null default 0,
    rows_new bigint not null default 0,
    rows_changed bigint not null default 0,
    rows_unchanged bigint not null default 0,
    rows_duplicate bigint not null default 0,
    rows_quarantined bigint not null default 0,
    rows_removed bigint not null default 0,
    notes text[] not null default '{}',
    decided_by text,
    decided_why text,
    sequence bigint generated always as identity,
    loaded_at timestamptz not null default now(),
    primary key (dataset, delivery_id),
    constraint every_row_is_accounted_for check (
        state <> 'loaded'
        or rows_in = rows_new + rows_changed + rows_unchanged + rows_duplicate + rows_quarantined
    ),
    constraint a_refusal_has_a_reason check (state = 'loaded' or reason is not null)
);
comment on table ops.delivery is '交付账目：每次交付一行；已装载者 收到＝新增＋变更＋未变＋重复＋隔离';
comment on column ops.delivery.dataset is '数据集：部门/数据集';
comment on column ops.delivery.delivery_id is '交付编号：日期-内容指纹前八位';
comment on column ops.delivery.delivered_on is '交付日期：文件夹日期，否则业务日期';
comment on column ops.delivery.kind is 'full 全量，increment 增量，replay 重试隔离行';
comment on column ops.delivery.state is 'loaded 已装载，rejected 拒收，held 挂起待决，discarded 已弃';
comment on column ops.delivery.reason is '未装载的原因：代码: 一句话';
comment on column ops.delivery.content_sha256 is '交付内容的 SHA-256';
comment on column ops.delivery.watermark is '接口：收到的最大更新时间，下次由此开始';
comment on column ops.delivery.rows_in is '收到行数（标题、表头、合计、空行不计）';
comment on column ops.delivery.rows_new is '新增行数';
comment on column ops.delivery.rows_changed is '变更行数';
comment on column ops.delivery.rows_unchanged is '未变行数';
comment on column ops.delivery.rows_duplicate is '重复行数';
comment on column ops.delivery.rows_quarantined is '隔离行数';
comment on column ops.delivery.rows_removed is '全量中不再出现的键数，另计';
comment on column ops.delivery.notes is '值得说的事：多出的列、编码与声明不同等';
comment on column ops.delivery.decided_by is '放行或弃用人';
comment on column ops.delivery.decided_why is '放行或弃用的理由';
comment on column ops.delivery.sequence is '装载次序';
comment on column ops.delivery.loaded_at is '入账时间';

create table ops.publication (
    library text not null,
    published_on date not null,
    inputs text not null,
    state text not null check (state in ('published', 'held')),
    reason text,
    rows_written bigint not null default 0,
    rows_deleted bigint not null default 0,
    seconds numeric,
    sequence bigint generated always as identity primary key,
    published_at timestamptz not null default now()
);
comment on table ops.publication is '各库发布记录：由哪些交付算出、写入多少、是否挂起';
comment on column ops.publication.library is '库';
comment on column ops.publication.published_on is '业务日期';
comment on column ops.publication.inputs is '输入指纹：所读数据集的最近交付、规则版本';
comment on column ops.publication.state is 'published 已发布，held 检查未过而挂起';
comment on column ops.publication.reason is '挂起原因';
comment on column ops.publication.rows_written is '写入或改写的行数';
comment on column ops.publication.rows_deleted is '删除的行数';
comment on column ops.publication.seconds is '用时（秒）';
comment on column ops.publication.sequence is '次序';
comment on column ops.publication.published_at is '发布时间';

create table ops.stage (
    run_id text not null,
    what text not null,
    stage text not null,
    rows bigint,
    seconds numeric not null,
    at timestamptz not null default now()
);
comment on table ops.stage is '各阶段用时';
comment on column ops.stage.run_id is '运行编号';
comment on column ops.stage.what is '数据集或库';
comment on column ops.stage.stage is '阶段';
comment on column ops.stage.rows is '行数';
comment on column ops.stage.seconds is '用时（秒）';
comment on column ops.stage.at is '记录时间';

create table quality.quarantine (
    dataset text not null,
    delivery_id text not null,
    row_number bigint not null,
    source_key text,
    reasons text[] not null,
    record jsonb not null,
    status text not null default 'open' check (status in ('open', 'fixed', 'accepted')),
    closed_by text,
    primary key (dataset, delivery_id, row_number)
);
create index on quality.quarantine (dataset, source_key) where status = 'open';
comment on table quality.quarantine is '隔离行：原样记录、每条原因；open 未解决，fixed 后来的交付或重试已修好，accepted 认可现状';
comment on column quality.quarantine.dataset is '数据集';
comment on column quality.quarantine.delivery_id is '交付编号';
comment on column quality.quarantine.row_number is '行号：第一条数据行为 1';
comment on column quality.quarantine.source_key is '来源主键（各键列以 | 相连）';
comment on column quality.quarantine.reasons is '原因：代码: 一句话（指明列与值）';
comment on column quality.quarantine.record is '交付的原样记录';
comment on column quality.quarantine.status is '状态';
comment on column quality.quarantine.closed_by is '修好它的交付编号';

create table quality.finding (
    dataset text not null,
    source_key text not null,
    column_name text not null,
    problem text not null,
    value text,
    row_number bigint not null,
    delivery_id text not null,
    opened_on date not null,
    closed_on date
);
create index on quality.finding (dataset, source_key) where closed_on is null;
comment on table quality.finding is '已装载行中有毛病的字段：按数据集、主键、列、问题登记，下次交付改好即关闭';
comment on column quality.finding.dataset is '数据集';
comment on column quality.finding.source_key is '来源主键';
comment on column quality.finding.column_name is '部门自己的列名';
comment on column quality.finding.problem is '问题（schemas/rules.yml）';
comment on column quality.finding.value is '交付的文本（限内部查阅，外发一律脱敏）';
comment on column quality.finding.row_number is '所在交付的行号';
comment on column quality.finding.delivery_id is '发现时的交付编号';
comment on column quality.finding.opened_on is '发现日期（交付日期）';
comment on column quality.finding.closed_on is '改好日期';

create table quality.result (
    target text not null,
    expectation text not null,
    dimension text not null check (dimension in ('normativity', 'completeness', 'accuracy', 'consistency', 'timeliness', 'accessibility')),
    severity text not null check (severity in ('info', 'warning', 'critical')),
    success boolean not null,
    broken boolean not null default false,
    checked bigint,
    failed bigint,
    because text,
    column_name text,
    delivery_id text,
    run_at timestamptz not null default now()
);
create index on quality.result (target, run_at);
comment on table quality.result is '检查结果：每次对数据集或库表的每条检查一行；broken 表示检查本身出错，不算数据的错';
comment on column quality.result.target is '数据集或库表';
comment on column quality.result.expectation is '检查名';
comment on column quality.result.dimension is '维度（GB/T 36344：规范、完整、准确、一致、时效、可访问）';
comment on column quality.result.severity is 'info 提示，warning 警告，critical 严重（不过则挂起）';
comment on column quality.result.success is '是否通过';
comment on column quality.result.broken is '检查本身出错';
comment on column quality.result.checked is '检查的行数；0 为不适用';
comment on column quality.result.failed is '不合格行数';
comment on column quality.result.because is '为何要查';
comment on column quality.result.column_name is '列（数据集为部门自己的列名）';
comment on column quality.result.delivery_id is '所查的交付';
comment on column quality.result.run_at is '检查时间';

create table quality.disagreement (
    library text not null,
    record_id text not null,
    field text not null,
    kept_value text,
    kept_from text not null,
    other_value text,
    other_from text not null,
    other_key text not null default '',
    opened_at timestamptz not null default now(),
    closed_at timestamptz
);
create index on quality.disagreement (library, record_id);
create index on quality.disagreement (other_from) where closed_at is null;
comment on table quality.disagreement is '部门间分歧：同一人或单位的同一字段，各部门说法不同时信了谁、没信谁';
comment on column quality.disagreement.library is '库';
comment on column quality.disagreement.record_id is '人口标识或单位标识';
comment on column quality.disagreement.field is '字段';
comment on column quality.disagreement.kept_value is '采信的值';
comment on column quality.disagreement.kept_from is '采信的数据集';
comment on column quality.disagreement.other_value is '未采信的值';
comment on column quality.disagreement.other_from is '未采信的数据集';
comment on column quality.disagreement.other_key is '未采信记录的来源主键';
comment on column quality.disagreement.opened_at is '出现时间';
comment on column quality.disagreement.closed_at is '消除时间';
