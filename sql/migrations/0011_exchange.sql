-- Exchange: masks for whatever leaves the base schemas, the ledger of packages sent and received, each county's own door.
create schema mask;
comment on schema mask is '脱敏函数：基础库以外的视图与交换包都用它们；号码留首尾，姓名留姓，住址留到乡镇';

create function mask.stars(t text, first_kept integer, last_kept integer, counted text) returns text language sql immutable parallel safe as $$
    select coalesce(string_agg(case when c ~ counted and n > first_kept and n <= total - last_kept then '*' else c end, '' order by i), '')
    from (
        select m[1] as c, i, count(*) filter (where m[1] ~ counted) over (order by i) as n, count(*) filter (where m[1] ~ counted) over () as total
        from regexp_matches(t, '(.[\u0300-\u036f\ufe00-\ufe0f\U000e0100-\U000e01ef]*)', 'g') with ordinality x(m, i)
    ) y
    having t is not null
$$;
comment on function mask.stars(text, integer, integer, text) is '凡合于 counted 的字，除前 first_kept 个与后 last_kept 个外，换成星号；其余原样';

create function mask.any_identifier(t text) returns text language sql immutable parallel safe as $$
    select case
        when t is null then null
        when t ~ '^(?:暂无|没有|不详|未知|未提供|未办|无|空)$' then t
        when n < 5 then told
        when n >= 17 then mask.stars(told, 6, 4, k)
        when n >= 14 then mask.stars(told, 6, 3, k)
        when n > 7 then mask.stars(told, 2, 2, k)
        else mask.stars(told, 1, 1, k)
    end
    from (
        select told, k, length(regexp_replace(told, '[^0-9A-Za-z０-９Ａ-Ｚａ-ｚ*＊×]', '', 'g')) as n
        from (values (regexp_replace(t, '[\u3400-\u9fff\U00020000-\U0003ffff]', '*', 'g'), '^[0-9A-Za-z０-９Ａ-Ｚａ-ｚ*＊×]')) v(told, k)
    ) x
$$;
comment on function mask.any_identifier(text) is '任一种证件号码：17 字以上留前 6 后 4，14 字以上留前 6 后 3，更短的留两端；汉字一律换成星号';

create function mask.citizen_id(t text) returns text language sql immutable parallel safe as $$
    select case when t ~ '^[0-9]{17}[0-9X]$' then left(t, 6) || '********' || right(t, 4) else mask.any_identifier(t) end
$$;
comment on function mask.citizen_id(text) is '身份号码：510502199001011234 → 510502********1234；其他证件留两端';

create function mask.any_phone(t text) returns text language sql immutable parallel safe as $$
    select case when t is null then null else coalesce(string_agg(
        case when m[1] ~ '^[0-9０-９]'
            then mask.stars(m[1], 3, least(4, greatest(0, length(regexp_replace(m[1], '[^0-9０-９]', '', 'g')) - 7)), '^[0-9０-９]')
            else regexp_replace(m[1], '[\u3400-\u9fff\U00020000-\U0003ffff]', '*', 'g') end, '' order by i), '') end
    from regexp_matches(t, '([0-9０-９](?:[ ()－-]?[0-9０-９])*|[^0-9０-９]+)', 'g') with ordinality x(m, i)
$$;
comment on function mask.any_phone(text) is '电话文本：其中每个号码留前 3 后 4，汉字换成星号';

create function mask.phone(t text) returns text language sql immutable parallel safe as $$
    select case when t ~ '^1[3-9][0-9]{9}$' then left(t, 3) || '****' || right(t, 4) else mask.any_phone(t) end
$$;
comment on function mask.phone(text) is '电话：13812345678 → 138****5678';

create function mask.plain_name(t text) returns text language sql immutable parallel safe as $$
    select left(case when letters >= 3 and letters = parts then mask.stars(t, 1, 1, k) else regexp_replace(mask.stars(t, 1, 0, k), '[0-9０-９]', '*', 'g') end, 24)
                || case when length(t) > 24 then '…' else '' end
            from (
                select k, count(*) filter (where m[1] ~ k) as letters, count(*) as parts
                from (values ('^[A-Za-z\u00c0-\u02af\u0370-\u1fff\u3005\u3041-\u318f\u3400-\u9fff\ua000-\ud7ff\uf900-\ufaff\uff21-\uff3a\uff41-\uff5a\U00020000-\U0003ffff]')) v(k)
                cross join regexp_matches(t, '(.[\u0300-\u036f\ufe00-\ufe0f\U000e0100-\U000e01ef]*)', 'g') x(m)
                group by k
            ) y
$$;
comment on function mask.plain_name(text) is '不带附注的姓名：三字以上全是字的留首尾，否则只留首字；数字一律换成星号';

create function mask.name(t text) returns text language sql immutable parallel safe as $$
    select case
        when t ~ '^[\u4e00-\u9fff]{2}$' then left(t, 1) || '*'
        when t ~ '^[\u4e00-\u9fff]{3,24}$' then left(t, 1) || repeat('*', length(t) - 2) || right(t, 1)
        when t is null or t = '' then t
        when t ~ '[(（](?:户主|曾用名)[)）]$' then mask.plain_name(left(t, -length(substring(t from '[(（](?:户主|曾用名)[)）]$')))) || substring(t from '[(（](?:户主|曾用名)[)）]$')
        else mask.plain_name(t)
    end
$$;
comment on function mask.name(text) is '自然人姓名：张三 → 张*，欧阳小明 → 欧**明，阿依·古丽 → 阿*·**';

create function mask.town(t text) returns text language plpgsql immutable parallel safe as $$
declare
    rest text := btrim(t);
    taken text := '';
    part text;
    pattern text;
begin
    -- one level at a time, each as short as it can be: PostgreSQL's expressions are greedy or not as a whole
    foreach pattern in array array[
        '^[\u4e00-\u9fff]{2,8}?(?:省|自治区)', '^[A-Za-z_\u3400-\u533a\u533b\u533c-\u53be\u53c0-\u9fff]{1,6}?(?:市|自治州)',
        '^[A-Za-z_\u3400-\u9fff]{1,6}?(?:区|县|市)', '^[\u4e00-\u9fff]{1,6}?(?:街道|镇|乡)'
    ] loop
        part := substring(rest from pattern);
        if part is not null then
            if part like '%街道' and substr(rest, length(part) + 1) like '办事处%' then
                part := part || '办事处';
            end if;
            taken := taken || part;
            rest := substr(rest, length(part) + 1);
        end if;
    end loop;
    return taken;
end $$;
comment on function mask.town(text) is '地址文本开头到乡镇街道为止的区划';

create function mask.address(t text) returns text language sql immutable parallel safe as $$
    select case when btrim(t) = '' then '' when t ~ '^\s*(?:暂无|没有|不详|未知|未提供|无|空)\s*$' then t when t is not null then mask.town(t) || '****' end
$$;
comment on function mask.address(text) is '住址：留到乡镇街道，其余为四个星号';

create function mask.is_person(t text) returns boolean language sql immutable parallel safe as $$
    select bare ~ '^[\u3400-\u9fff]{1,10}[·•・．.][\u3400-\u9fff·•・．.]{1,15}$'
        or bare ~ '^[丁万丛严乔于仇仲任伍何佘余佟侯俞倪傅党全兰关冉农冯冷凌刁刘包华卓单卜卞卢卫古史叶司吉向吕吴周和唐商喻夏姚姜姬娄孔孙孟季宁安宋宗宫寇尚尤尹屈岑岳崔左巩巫师席庄应庞康廖张彭徐成戚戴房敖文方施时明易晏景曲曹曾朱李杜杨林柏查柯柳柴栾桂桑梁梅樊欧武段殷毕毛江池汤汪沈沙涂温游滕潘焦熊牛牟王甄甘田申白盛瞿石祁祝秦程穆窦章童符简管米纪缪罗翁翟耿聂肖胡臧舒艾芦苏苑苗苟范荣莫葛董蒋蒙蒲蓝蔡薛虞袁裴褚覃解詹许谢谭谷费贺贾赵路车辛边连迟邓邝邢邬邱邵邹郎郑郝郭金钟钱闫闵阮阳陆陈陶隋雷霍靳韦韩项顾颜饶马骆高魏鲁鲍麦麻黄黎齐龙龚][\u3400-\u9fff\U00020000-\U0003ffff]{1,2}$'
        or bare ~ '^(?:上官|东方|令狐|公孙|南宫|司徒|司马|夏侯|宇文|尉迟|慕容|欧阳|淳于|独孤|皇甫|西门|诸葛|长孙)[\u3400-\u9fff\U00020000-\U0003ffff]{1,2}$'
    from (values (regexp_replace(t, '[\s\u3000]', '', 'g'))) v(bare)
$$;
comment on function mask.is_person(text) is '一段文字是否像自然人姓名：常见姓氏二三字、复姓三四字、带间隔号的少数民族姓名';

create function mask.code(t text) returns text language sql immutable parallel safe as $$
    select case
        when bare ~ '^[1-8][0-9]{15,18}[0-9X*]$' or (bare ~ '^[1-8][0-9]{14}$' and substr(bare, 9, 2) between '01' and '12' and substr(bare, 11, 2) between '01' and '31')
            then mask.any_identifier(t)
        else t end
    from (values (translate(upper(regexp_replace(translate(t, '０１２３４５６７８９ＸｘＯｏＩｌ', '0123456789XxOoIl'), '[\s\u3000-]', '', 'g')), 'OI', '01'))) v(bare)
$$;
comment on function mask.code(text) is '单位代码原样；写在其处的身份号码（个体经营者）脱敏';

create function mask.party(t text) returns text language sql immutable parallel safe as $$
    select case
        when t is null then null
        when (bare ~ '^[\u3400-\u9fff\U00020000-\U0003ffff?□○某]{1,4}$' and not (length(bare) = 4
            and bare ~ '(?:公司|中心|集团|银行|医院|学校|店|厂|局|委|办|部|社|院|所|站|馆|校|队|场|吧|铺|城|行|会|处|庄|坊|屋|园|超市|商行)$')) or mask.is_person(t)
            then mask.name(t)
        when t ~ '(?:店|部|行|馆|坊|铺|吧|屋|摊|室|厅|庄|站|厂|场|房|楼|超市|工作室)(?:[(（][^)）]*[)）])?$' and length(t) - length(town) >= 4
            and (town <> '' or t ~ '^[丁万丛严乔于仇仲任伍何佘余佟侯俞倪傅党全兰关冉农冯冷凌刁刘包华卓单卜卞卢卫古史叶司吉向吕吴周和唐商喻夏姚姜姬娄孔孙孟季宁安宋宗宫寇尚尤尹屈岑岳崔左巩巫师席庄应庞康廖张彭徐成戚戴房敖文方施时明易晏景曲曹曾朱李杜杨林柏查柯柳柴栾桂桑梁梅樊欧武段殷毕毛江池汤汪沈沙涂温游滕潘焦熊牛牟王甄甘田申白盛瞿石祁祝秦程穆窦章童符简管米纪缪罗翁翟耿聂肖胡臧舒艾芦苏苑苗苟范荣莫葛董蒋蒙蒲蓝蔡薛虞袁裴褚覃解詹许谢谭谷费贺贾赵路车辛边连迟邓邝邢邬邱邵邹郎郑郝郭金钟钱闫闵阮阳陆陈陶隋雷霍靳韦韩项顾颜饶马骆高魏鲁鲍麦麻黄黎齐龙龚]')
            then left(t, length(town) + 1) || '**' || substr(t, length(town) + 4)
        else t end
    from (values (regexp_replace(t, '[\s\u3000*＊]', '', 'g'), mask.town(t))) v(bare, town)
$$;
comment on function mask.party(text) is '当事人名称：自然人按姓名脱敏，以经营者姓名为字号的店铺只留姓，其余单位原样';

-- A key must stay unique, so it cannot be starred out: one that holds a citizen ID becomes a keyed digest. The key is this database's own identity:
-- a digest without one could be found by trying all numbers. Definer's rights, for who reads through a view may not read the key.
create function mask.key(t text) returns text language sql stable parallel safe security definer set search_path = pg_catalog as $$
    select case
        when t ~ '(?<![0-9A-Za-z])[1-8][0-9]{5}(?:(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9][0-9]{3}[0-9Xx](?:[0-9]{2})?|[0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9][0-9]{3})(?![0-9A-Za-z])'
            then (select 'k' || encode(sha256(convert_to(i.id::text || encode(sha256(convert_to(i.id::text || t, 'UTF8')), 'hex'), 'UTF8')), 'hex') from ops.instance i limit 1)
        else t end
$$;
comment on function mask.key(text) is '来源主键：含身份号码的换成以本库身份为密钥的摘要（仍然唯一、前后一致），其余原样';

-- What was sent and acknowledged, what was received.
create schema exchange;
comment on schema exchange is '交换：发出与收到的包、回执、各区县的视图';
create schema received;
comment on schema received is '从别的实例收到的数据：s<发送方代码>_<库>_<表>，由 jichu import 装载，按包更新';

create table exchange.package (
    package_id uuid primary key,
    receiver text not null,
    chain uuid not null,
    sequence integer not null check (sequence > 0),
    kind text not null check (kind in ('full', 'increment')),
    previous uuid,
    created_at timestamptz not null,
    vintage date not null,
    publication_from bigint not null,
    publication_to bigint not null,
    schema_digest text not null,
    rows_inserted bigint not null,
    rows_updated bigint not null,
    rows_deleted bigint not null,
    file_name text not null,
    manifest_sha256 text not null,
    manifest_sm3 text not null,
    signed boolean not null,
    acknowledged_at timestamptz,
    receipt jsonb,
    unique (receiver, chain, sequence),
    constraint an_increment_follows_a_package check ((kind = 'full') = (previous is null)),
    constraint an_acknowledgement_has_its_receipt check ((acknowledged_at is null) = (receipt is null))
);
comment on table exchange.package is '发出的交换包：每个一行；接收方回执之后才作为下一个增量的起点';
comment on column exchange.package.package_id is '包编号';
comment on column exchange.package.receiver is '接收方代码（schemas/exchange.yml）';
comment on column exchange.package.chain is '链：自一个全量包起，到下一个全量包为止';
comment on column exchange.package.sequence is '链中的次序，全量包为 1';
comment on column exchange.package.kind is 'full 全量，increment 增量';
comment on column exchange.package.previous is '增量接在哪个包之后（接收方最近回执的包）';
comment on column exchange.package.created_at is '制作时间';
comment on column exchange.package.vintage is '数据截至的业务日期';
comment on column exchange.package.publication_from is '自哪一次发布之后（ops.publication.sequence，不含）；全量为 0';
comment on column exchange.package.publication_to is '至哪一次发布（含）';
comment on column exchange.package.schema_digest is '结构指纹：资源、列、类型、主键、脱敏；变了就发全量';
comment on column exchange.package.rows_inserted is '新增行数';
comment on column exchange.package.rows_updated is '变更行数';
comment on column exchange.package.rows_deleted is '删除行数';
comment on column exchange.package.file_name is '文件名';
comment on column exchange.package.manifest_sha256 is '清单的 SHA-256';
comment on column exchange.package.manifest_sm3 is '清单的 SM3';
comment on column exchange.package.signed is '是否签名';
comment on column exchange.package.acknowledged_at is '收到回执的时间；空为尚未回执';
comment on column exchange.package.receipt is '接收方的回执';

create table exchange.package_resource (
    package_id uuid not null references exchange.package on delete cascade,
    subject text not null,
    resource_codes text[] not null,
    basis text not null,
    rows_inserted bigint not null,
    rows_updated bigint not null,
    rows_deleted bigint not null,
    rows_total bigint not null,
    checksum text not null,
    primary key (package_id, subject)
);
comment on table exchange.package_resource is '每个包里的每张表：凭什么共享、多少行、应用之后接收方应有的行数与校验和';
comment on column exchange.package_resource.package_id is '包编号';
comment on column exchange.package_resource.subject is '库表：模式.表';
comment on column exchange.package_resource.resource_codes is '信息资源代码';
comment on column exchange.package_resource.basis is '共享依据：无条件共享，或所依的授权';
comment on column exchange.package_resource.rows_inserted is '新增行数';
comment on column exchange.package_resource.rows_updated is '变更行数';
comment on column exchange.package_resource.rows_deleted is '删除行数';
comment on column exchange.package_resource.rows_total is '应用之后的行数';
comment on column exchange.package_resource.checksum is '应用之后的校验和：行数与各行 MD5 之和，与行的次序无关';

create table exchange.received (
    package_id uuid primary key,
    sender text not null,
    chain uuid not null,
    sequence integer not null,
    kind text not null check (kind in ('full', 'increment')),
    previous uuid,
    created_at timestamptz not null,
    vintage date not null,
    rows_inserted bigint not null,
    rows_updated bigint not null,
    rows_deleted bigint not null,
    manifest_sha256 text not null,
    manifest_sm3 text not null,
    signed boolean not null,
    received_at timestamptz not null default now(),
    "order" bigint generated always as identity
);
create index on exchange.received (sender, "order");
comment on table exchange.received is '收到并装载的交换包';
comment on column exchange.received.package_id is '包编号';
comment on column exchange.received.sender is '发送方代码';
comment on column exchange.received.chain is '链：自一个全量包起';
comment on column exchange.received.sequence is '链中的次序';
comment on column exchange.received.kind is 'full 全量，increment 增量';
comment on column exchange.received.previous is '增量接在哪个包之后';
comment on column exchange.received.created_at is '对方的制作时间';
comment on column exchange.received.vintage is '数据截至的业务日期';
comment on column exchange.received.rows_inserted is '新增行数';
comment on column exchange.received.rows_updated is '变更行数';
comment on column exchange.received.rows_deleted is '删除行数';
comment on column exchange.received.manifest_sha256 is '清单的 SHA-256';
comment on column exchange.received.manifest_sm3 is '清单的 SM3';
comment on column exchange.received.signed is '是否有签名（并已核对）';
comment on column exchange.received.received_at is '装载时间';
comment on column exchange.received."order" is '装载次序';

create table exchange.received_table (
    sender text not null,
    subject text not null,
    table_name text not null,
    columns jsonb not null,
    rows bigint not null,
    checksum text not null,
    package_id uuid not null references exchange.received,
    primary key (sender, subject)
);
comment on table exchange.received_table is 'received 模式中的每张表：来自谁的哪张表、结构、现在的行数与校验和';
comment on column exchange.received_table.sender is '发送方代码';
comment on column exchange.received_table.subject is '对方的库表：模式.表';
comment on column exchange.received_table.table_name is 'received 模式中的表名';
comment on column exchange.received_table.columns is '结构：列、类型、主键、说明';
comment on column exchange.received_table.rows is '行数';
comment on column exchange.received_table.checksum is '校验和，与发送方的相等';
comment on column exchange.received_table.package_id is '最近更新它的包';

create table exchange.county (
    code text primary key check (code ~ '^[0-9]{6}$'),
    title text not null,
    fingerprint text not null,
    at timestamptz not null default now()
);
comment on table exchange.county is '各区县（园区）自己的模式 county_<代码>：由哪一版声明建成';
comment on column exchange.county.code is '区划代码前六位，园区为其自编代码';
comment on column exchange.county.title is '名称';
comment on column exchange.county.fingerprint is '视图定义的指纹';
comment on column exchange.county.at is '建成时间';

-- A county's role may read its own schema and nothing else. The owner may be unable to make roles: a role that is not there yet is granted later.
create function exchange.open_county(county text) returns boolean language plpgsql as $$
declare
    named text := 'county_' || county;
begin
    execute format('revoke all on schema %I from public', named);
    if not exists (select from pg_roles where rolname = named) then
        return false;
    end if;
    execute format('grant usage on schema %I to %I', named, named);
    execute format('grant select on all tables in schema %I to %I', named, named);
    return true;
end $$;
comment on function exchange.open_county(text) is '让同名角色 county_<代码> 读本区县的模式，不给别的；角色不存在时返回否，建好角色后再调用即可，可反复调用';
