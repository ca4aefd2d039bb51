-- Linkage measured every run: candidate pairs of each blocking rule, figures of each publication, and the sample that people judge.
create table match.blocking (
    library text not null,
    publication bigint not null,
    stage text not null,
    rule text not null,
    pairs bigint not null check (pairs >= 0),
    budget bigint not null check (budget > 0),
    refused_pairs bigint not null default 0 check (refused_pairs >= 0),
    refused_values bigint not null default 0 check (refused_values >= 0),
    refused jsonb not null default '[]',
    at timestamptz not null default now(),
    primary key (library, publication, stage, rule)
);
comment on table match.blocking is '候选对的预估：打分之前按分组计数估出每条分块规则的候选对数，超出预算的规则把造成它的取值拒之门外；不含个人信息';
comment on column match.blocking.library is '库';
comment on column match.blocking.publication is '发布记录的次序（ops.publication.sequence）';
comment on column match.blocking.stage is '哪一步：identified 未识别的记录对已识别的人，again 第二轮，left 剩余记录之间';
comment on column match.blocking.rule is '分块规则：两条记录哪几项相同才比较';
comment on column match.blocking.pairs is '预估的候选对数（上限）';
comment on column match.blocking.budget is '该规则的预算（对）：JICHU_MAX_PAIRS，默认为记录数的 50 倍';
comment on column match.blocking.refused_pairs is '因超出预算而未打分的候选对数';
comment on column match.blocking.refused_values is '被拒的取值个数';
comment on column match.blocking.refused is '被拒的取值，对数最多的在前，至多二十个：[{"value": 遮盖后的取值, "left": 左侧记录数, "right": 右侧记录数, "pairs": 对数}]';
comment on column match.blocking.at is '写入时间';

create table match.quality_run (
    library text not null,
    publication bigint not null,
    published_on date not null,
    model text,
    records bigint not null,
    clusters bigint not null,
    edges jsonb not null default '{}',
    records_known bigint not null,
    records_moved bigint not null,
    share_moved double precision not null check (share_moved between 0 and 1),
    merged bigint not null,
    split bigint not null,
    largest bigint not null,
    alarm_size integer not null,
    over_alarm bigint not null,
    levels jsonb not null default '{}',
    drift jsonb not null default '{}',
    drift_most double precision,
    drift_since_last double precision,
    sampled bigint not null default 0,
    precision_estimate double precision check (precision_estimate between 0 and 1),
    precision_low double precision check (precision_low between 0 and 1),
    precision_high double precision check (precision_high between 0 and 1),
    recall_estimate double precision check (recall_estimate between 0 and 1),
    recall_low double precision check (recall_low between 0 and 1),
    recall_high double precision check (recall_high between 0 and 1),
    at timestamptz not null default now(),
    primary key (library, publication)
);
comment on table match.quality_run is '每次发布（含挂起）的关联质量：规模、各规则的边数、标识变动、最大的一组、参数漂移、人工抽样估计的准确率与召回率及其区间';
comment on column match.quality_run.library is '库：population、legal_entity';
comment on column match.quality_run.publication is '发布记录的次序（ops.publication.sequence）';
comment on column match.quality_run.published_on is '业务日期';
comment on column match.quality_run.model is '打分参数的版本；不用参数的为空';
comment on column match.quality_run.records is '提到人（单位）的记录数';
comment on column match.quality_run.clusters is '人（单位）数';
comment on column match.quality_run.edges is '各规则的记录数：{规则: 记录数}';
comment on column match.quality_run.records_known is '上次发布时已有标识的记录数';
comment on column match.quality_run.records_moved is '其中标识变了的记录数';
comment on column match.quality_run.share_moved is '标识变了的比例';
comment on column match.quality_run.merged is '并入他者的标识数';
comment on column match.quality_run.split is '拆成几个的标识数';
comment on column match.quality_run.largest is '最大的一组有多少条记录';
comment on column match.quality_run.alarm_size is '警戒大小（条记录）';
comment on column match.quality_run.over_alarm is '超过警戒大小的组数';
comment on column match.quality_run.levels is '打分关联中各比较各结果的占比：{比较: {结果: 占比}}';
comment on column match.quality_run.drift is '各比较的漂移：占比与参数 m 之间的群体稳定性指标（PSI）';
comment on column match.quality_run.drift_most is '漂移最大的一项比较的 PSI';
comment on column match.quality_run.drift_since_last is '占比与上一次发布相比，变化最大的一项比较的 PSI；第一次为空';
comment on column match.quality_run.sampled is '用于估计的人工裁决数（抽样所得，现行参数）';
comment on column match.quality_run.precision_estimate is '估计的准确率：各层按大小加权；没有裁决时为空';
comment on column match.quality_run.precision_low is '准确率 95% 区间的下限（Wilson，按有效样本量）';
comment on column match.quality_run.precision_high is '准确率 95% 区间的上限';
comment on column match.quality_run.recall_estimate is '估计的召回率（只在比较过的候选对之内）；差一点的对子没有裁决时为空';
comment on column match.quality_run.recall_low is '召回率 95% 区间的下限';
comment on column match.quality_run.recall_high is '召回率 95% 区间的上限';
comment on column match.quality_run.at is '写入时间';

create table match.sample (
    kind text not null check (kind in ('person', 'entity')),
    left_record text not null,
    right_record text not null,
    stratum text not null,
    linked boolean not null,
    stratum_size bigint not null check (stratum_size > 0),
    model text not null default '',
    drawn_at timestamptz not null default now(),
    primary key (kind, left_record, right_record)
);
comment on table match.sample is '人工抽样：分层随机抽出的关联与差一点的对子，裁决后用来估计准确率与召回率';
comment on column match.sample.kind is 'person 人，entity 单位';
comment on column match.sample.left_record is '一条记录：数据集|来源主键|角色';
comment on column match.sample.right_record is '另一条记录：数据集|来源主键|角色；按字符次序在后';
comment on column match.sample.stratum is '层：关联的规则；差一点的对子为 review: 加原因';
comment on column match.sample.linked is '抽样时两条是否同属一个';
comment on column match.sample.stratum_size is '抽样时该层的总数';
comment on column match.sample.model is '抽样时的参数版本';
comment on column match.sample.drawn_at is '抽样时间';

alter table match.review drop constraint review_reason_check;
alter table match.review add constraint review_reason_check check (reason in ('grey', 'margin', 'guard', 'named', 'sample'));
comment on column match.review.reason is '为何要人看：grey 概率在灰区，margin 与次优相差不大，guard 分数高而有一处说不通，named 由人直接指名，sample 质量抽样';
