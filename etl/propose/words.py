"""Words of Chinese registers: what a column's name hints at, what it is called in English, what names and addresses look like."""

# The commonest surnames: nine of ten people bear one. Of compound ones the first character is not among them.
SURNAMES = "|".join(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤常温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷曲盛冉翁"
) + "|欧阳|司马|上官|诸葛|东方|皇甫|尉迟|慕容|令狐"  # fmt: skip
ENTITY = (
    "公司|厂|店|中心|学校|小学|中学|大学|学院|幼儿园|局|委|委员会|院|合作社|协会|学会|商会|联合会|基金会|部|所|站|社|行|场|坊|馆|庄|室|处|"
    "办|办公室|政府|法院|集团|分行|支行|超市|经营部|队|会|园|吧|铺|城|楼|厅|号|户"
)
PLACE = "(?:[村居社](?:民|区)?(?:委员会|委会|居委会)|虚拟社区|社区)$"  # villages and communities are called by their committees
ADDRESS = (
    "(?:省|市|区|县|镇|乡|街道|路|街|巷|大道|村|社区|组|社).*(?:[0-9一二三四五六七八九十]+(?:号|栋|幢|单元|室|组|社|附)|[0-9]+-[0-9]+|[路街巷]$|"
    "村$|社区$|街道$|[乡镇]$)|(?:省|市|县|区).+(?:区|县|镇|乡|街道)"
)

# How a column's name ends → the rule it hints at; `code:<table>` for a code table. The longest ending counts.
HINTS: dict[str, str] = {
    **dict.fromkeys(("身份证号", "身份证号码", "公民身份号码", "身份证件号", "身份证件号码", "身份号码", "证件号码", "证件号", "身份证"), "citizen_id"),
    **dict.fromkeys(("idcard", "idno", "id_card", "id_number", "citizen_id", "sfzh", "sfzhm", "gmsfhm", "zjhm"), "citizen_id"),
    **dict.fromkeys(
        ("姓名", "法定代表人", "法人代表", "法人", "负责人", "经营者", "户主", "监护人", "联系人", "经办人", "申请人", "诉求人", "校长", "网格员",
         "代表人", "投诉人", "举报人", "患者", "持证人", "当事人", "责任人", "家长", "xingming", "xm"), "person_name"),
    **dict.fromkeys(
        ("单位名称", "企业名称", "机构名称", "公司名称", "组织名称", "纳税人名称", "学校名称", "业户名称", "工作单位", "建设单位", "施工单位", "用人单位",
         "主体名称", "相对人名称", "持有者名称", "经营者名称", "合作社名称", "医院名称", "社团名称", "字号名称"), "entity_name"),
    **dict.fromkeys(("统一社会信用代码", "信用代码", "社会信用代码", "单位代码", "主体代码", "uscc", "uniscid"), "entity_code"),
    **dict.fromkeys(("纳税人识别号", "税号", "税务登记号"), "tax_number"),
    **dict.fromkeys(("组织机构代码", "机构代码"), "organization_code"),
    **dict.fromkeys(("工商注册号", "注册号"), "registration_number"),
    **dict.fromkeys(("证照标识", "电子证照标识"), "certificate_id"),
    **dict.fromkeys(("日期", "出生年月日", "年月日", "date", "有效期起", "有效期自", "rq"), "date"),
    **dict.fromkeys(("有效期至", "有效期止", "截止日期", "截止期", "届满日期", "终止日期", "到期日", "到期日期", "有效期限至", "结束日期", "有效期"), "end_date"),
    **dict.fromkeys(("时间", "时刻", "timestamp", "time"), "datetime"),
    **dict.fromkeys(("年月", "月份"), "year_month"),
    **dict.fromkeys(("年度", "年份", "year"), "year"),
    **dict.fromkeys(("性别", "sex", "gender"), "sex"),
    "民族": "ethnicity",
    **dict.fromkeys(("文化程度", "学历", "最高学历"), "education"),
    **dict.fromkeys(("婚姻状况", "婚姻状态", "婚否"), "marital_status"),
    **dict.fromkeys(("与户主关系", "与户主的关系", "家庭关系"), "kin_relation"),
    **dict.fromkeys(("电话", "电话号码", "手机", "手机号", "手机号码", "联系方式", "联系电话", "phone", "tel", "mobile", "lxdh"), "phone"),
    **dict.fromkeys(("地址", "住址", "住所", "经营场所", "居住地", "坐落", "地点", "详细地址", "门牌地址", "address"), "address"),
    **dict.fromkeys(("行政区划代码", "区划代码", "行政区划", "区划码", "division_code", "region_code", "adcode", "网格编码"), "region_code"),
    **dict.fromkeys(("金额", "资本", "资金", "费用", "价格", "余额", "工资", "收入", "罚款"), "amount"),
    **dict.fromkeys(("面积", "人数", "数量", "户数", "人口", "次数", "床位", "层数", "容积率", "年限", "比重", "率", "量", "数", "area", "capacity", "count", "floors"), "number"),
    **dict.fromkeys(("经度", "纬度", "longitude", "latitude", "lon", "lng", "lat"), "coordinate"),
    **dict.fromkeys(("证件类型", "证件种类"), "code:document_type"),
    **dict.fromkeys(("币种",), "code:currency"),
    **dict.fromkeys(("指标名称", "指标"), "indicator_name"),
    **dict.fromkeys(("相对人类别", "主体类别"), "party_kind"),
}  # fmt: skip
AUTHORITY = (
    "机关",
    "部门",
    "主管单位",
    "监管单位",
    "承办单位",
    "认定单位",
    "法院",
    "机构",
    "来源单位",
)  # who decides, in few different names: text
YES_NO = ("是否", "有无", "能否")
IDENTIFIER = ("编号", "号码", "代码", "编码", "证号", "文号", "案号", "工单号", "档案号", "许可证号", "流水号", "户号", "账号", "标识码", "字号", "公告号", "站号", "号",
              "id", "code", "no", "number", "bh", "dm", "bm", "_id", "key", "cd")  # fmt: skip
RUNNING = ("序号", "行号", "顺序号", "xh", "no.")
FUTURE = ("至", "止", "截止", "届满", "到期", "终止")

# Pieces of column names → English, the longest first where they overlap (docs/naming.md).
ENGLISH: dict[str, str] = {
    "统一社会信用代码": "code", "社会信用代码": "code", "信用代码": "code", "组织机构代码": "organization_code", "机构代码": "organization_code",
    "身份证号码": "citizen_id", "身份证号": "citizen_id", "公民身份号码": "citizen_id", "身份证件号": "citizen_id", "证件号码": "citizen_id",
    "证件号": "citizen_id", "身份证": "citizen_id", "证件类型": "document_type", "法定代表人": "legal_representative", "负责人": "principal",
    "联系电话": "phone", "电话号码": "phone", "手机号码": "phone", "手机号": "phone", "手机": "phone", "电话": "phone", "联系方式": "phone",
    "户籍地址": "registered_address", "户口地址": "registered_address", "居住地址": "residence_address", "现住址": "residence_address",
    "家庭住址": "residence_address", "住址": "residence_address", "住所": "address", "地址": "address", "经营场所": "address", "地点": "place",
    "出生日期": "birth_date", "出生年月": "birth_month", "死亡日期": "death_date", "姓名": "name", "名称": "name", "性别": "sex_code",
    "民族": "ethnicity_code", "学历": "education_code", "文化程度": "education_code", "婚姻状况": "marital_status_code",
    "与户主关系": "relation_to_head", "户主": "household_head", "行政区划代码": "region_code", "区划代码": "region_code", "行政区划": "region",
    "发证": "issued", "签发": "issued", "颁发": "issued", "登记": "registered", "注册": "registered", "成立": "established", "建档": "filed",
    "采集": "collected", "更新": "updated", "修改": "modified", "录入": "entered", "受理": "accepted", "办结": "closed", "发布": "published",
    "公告": "announcement", "公示": "displayed", "决定": "decided", "处罚": "penalty", "许可": "permit", "列入": "listed", "移出": "delisted", "撤销": "revoked",
    "开户": "opened", "入学": "enrolled", "毕业": "graduated", "开工": "started", "竣工": "completed", "开始": "begin", "结束": "end", "终止": "ended",
    "有效期起": "valid_from", "有效期自": "valid_from", "有效期至": "valid_to", "有效期止": "valid_to", "截止日期": "valid_to", "有效期": "validity",
    "日期": "on", "时间": "at", "年月": "month", "年度": "year", "年份": "year", "月份": "month", "年限": "years", "年龄": "age",
    "证书": "certificate", "证照": "certificate", "执照": "licence", "许可证": "permit", "优待证": "card", "登记证": "certificate", "学生": "student", "学校": "school",
    "学籍": "student", "年级": "grade", "班级": "class", "教师": "teacher", "老人": "elder", "残疾": "disability", "患者": "patient", "医院": "hospital",
    "科室": "ward", "疾病": "disease", "诊断": "diagnosis", "疫苗": "vaccine", "接种": "vaccinated", "企业": "enterprise", "单位": "unit", "机构": "institution", "公司": "company",
    "部门": "department", "主体": "subject", "纳税人": "taxpayer", "经营者": "operator", "业主": "owner", "持有者": "holder", "申请人": "applicant",
    "联系人": "contact", "监护人": "guardian", "父亲": "father", "母亲": "mother", "男方": "husband", "女方": "wife", "配偶": "spouse", "新生儿": "child",
    "编号": "number", "编码": "code", "代码": "code", "证号": "number", "文号": "document_number", "案号": "case_number", "号码": "number", "账号": "account", "标识码": "identifier",
    "标识": "identifier", "序号": "running_number", "流水号": "serial", "工单号": "ticket", "类型": "type", "类别": "category", "种类": "kind", "性质": "nature", "等级": "grade", "级别": "level",
    "状态": "state", "状况": "condition", "情况": "situation", "原因": "reason", "依据": "basis", "结果": "result", "内容": "content", "事由": "subject_matter",
    "范围": "scope", "用途": "use", "功能": "function", "方式": "manner", "备注": "remarks", "说明": "notes", "来源": "source", "行业": "industry",
    "面积": "area", "金额": "amount", "余额": "balance", "资本": "capital", "资金": "funds", "价格": "price", "合同": "contract", "费用": "cost", "收入": "income",
    "工资": "wage", "数量": "quantity", "人数": "persons", "户数": "households", "人口": "population", "家庭": "household", "成员": "member", "层数": "floors",
    "容量": "capacity", "总数": "total", "总量": "total", "比例": "share", "增长": "growth", "指标": "indicator", "计量单位": "unit", "本月": "this_month", "累计": "cumulative",
    "经度": "longitude", "纬度": "latitude", "坐标": "coordinates", "高程": "elevation", "区县": "county", "县区": "county", "街道": "street", "乡镇": "town",
    "街道乡镇": "town", "乡镇街道": "town", "社区": "community", "村": "village", "网格": "grid", "小区": "estate", "楼栋": "building", "单元": "entrance", "门牌号": "plate",
    "道路": "road", "项目": "project", "工程": "works", "系统": "system", "设备": "device", "车辆": "vehicle", "车牌": "plate", "产品": "product", "品种": "variety", "作物": "crop",
    "站": "station", "温度": "temperature", "气温": "temperature", "降水": "precipitation", "水位": "water_level", "流量": "flow", "平均": "mean", "最高": "highest", "最低": "lowest",
    "批准": "approved", "审批": "approved", "核准": "approved", "审核": "reviewed", "主管": "supervising", "经办": "handling", "承办": "handling", "执行": "executing", "机关": "authority",
    "出生": "birth", "死亡": "death", "档案": "record", "执业": "practice", "建设": "construction", "施工": "construction", "建筑": "building", "接生": "delivery", "首次": "first",
    "取水": "water_intake", "权人": "holder", "业户": "operator", "税种": "tax_kind", "税额": "tax", "欠税": "tax_arrears", "税": "tax", "缴费": "payment", "缴存": "deposit", "基数": "base",
    "诉求": "appeal", "发生": "occurred", "致贫": "poverty", "脱贫": "out_of_poverty", "贫困": "poverty", "行政村": "village", "街路巷": "road", "小区名": "estate", "社区村": "community", "楼号": "building",
    "容积率": "plot_ratio", "同比": "year_on_year", "环比": "month_on_month", "止": "to", "起": "from", "率": "rate", "量": "volume", "号": "number", "名": "name", "证": "certificate", "人": "person",
    "法人": "legal_person", "车": "vehicle", "房屋": "house", "房": "house", "土地": "land", "用地": "land", "地": "place", "床位": "beds", "床": "beds", "老年": "elder", "儿童": "child", "妇女": "woman", "银行": "bank",
    "保险": "insurance", "社保": "social_insurance", "医保": "medical_insurance", "养老": "pension", "补贴": "subsidy", "补助": "subsidy", "救助": "relief", "标准": "standard", "版本": "version", "语言": "language",
    "籍贯": "native_place", "国籍": "nationality", "政治面貌": "political_status", "职业": "occupation", "职务": "post", "职称": "professional_title", "专业": "speciality", "学位": "degree", "身高": "height", "体重": "weight",
    "创建": "created", "申请": "applied", "提交": "submitted", "检查": "inspected", "检验": "tested", "评定": "rated", "评级": "rating", "信用": "credit", "失信": "dishonest", "法院": "court", "案件": "case", "事件": "event",
    "网址": "url", "网站": "website", "邮箱": "email", "邮编": "postcode", "传真": "fax", "总": "total", "新": "new", "旧": "old", "现": "current", "原": "former", "上级": "parent", "所属": "parent", "所在": "located",
    "是否": "is", "省": "province", "市": "city", "县": "county", "区": "district", "户": "household", "男": "male", "女": "female", "年": "year", "月": "month", "日": "day",
}  # fmt: skip
