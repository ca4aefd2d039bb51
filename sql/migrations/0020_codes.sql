-- What codes mean, and where an analyst reads what the catalogue names.
create table catalog.code_value (
    code_table text not null,
    code text not null,
    label text not null,
    title text not null,
    edition text not null,
    primary key (code_table, code)
);
comment on table catalog.code_value is '代码的含义：schemas/codes 中每张代码表的每个代码各一行，每次运行后更新';
comment on column catalog.code_value.code_table is '代码表；catalog.item.code_table 指明一列用哪一张';
comment on column catalog.code_value.code is '代码';
comment on column catalog.code_value.label is '含义';
comment on column catalog.code_value.title is '代码表的名称';
comment on column catalog.code_value.edition is '所据标准及版次，或来源系统';

alter table catalog.item add column code_table text, add column readable_as text;
comment on column catalog.item.code_table is '取值所用的代码表（catalog.code_value）；不用代码的为空';
comment on column catalog.item.readable_as is '分析人员所读的表或视图（脱敏的在 masked）；不对分析人员开放的为空';
select ops.grant_roles();
