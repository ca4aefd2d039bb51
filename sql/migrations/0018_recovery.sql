-- When backups were made, and which landings were removed after their term.
create table ops.backup (
    began_at timestamptz primary key,
    folder text not null,
    tables bigint not null,
    rows bigint not null,
    files bigint not null,
    bytes bigint not null,
    seconds numeric not null,
    manifest_sha256 text not null
);
comment on table ops.backup is '备份记录：每次做成的备份一行，在备份之后写入';
comment on column ops.backup.began_at is '开始时间，即备份所反映的时刻';
comment on column ops.backup.folder is '备份所在的文件夹';
comment on column ops.backup.tables is '表数';
comment on column ops.backup.rows is '行数';
comment on column ops.backup.files is '文件数';
comment on column ops.backup.bytes is '字节数';
comment on column ops.backup.seconds is '用时（秒）';
comment on column ops.backup.manifest_sha256 is '清单文件的 SHA-256';

create table ops.pruned (
    dataset text not null,
    delivery_id text not null,
    delivered_on date not null,
    content_sha256 text not null,
    files bigint not null,
    bytes bigint not null,
    keep_days bigint not null,
    pruned_at timestamptz not null default now(),
    primary key (dataset, delivery_id)
);
comment on table ops.pruned is '已按保存期限删除的落地副本：账目与已装载的数据不受影响';
comment on column ops.pruned.dataset is '数据集';
comment on column ops.pruned.delivery_id is '交付编号';
comment on column ops.pruned.delivered_on is '交付日期';
comment on column ops.pruned.content_sha256 is '交付内容的 SHA-256';
comment on column ops.pruned.files is '删除的文件数';
comment on column ops.pruned.bytes is '删除的字节数';
comment on column ops.pruned.keep_days is '当时的保存期限（天）';
comment on column ops.pruned.pruned_at is '删除时间';
