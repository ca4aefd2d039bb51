"""政务信息系统清单: what every department says about its own systems."""

import numpy as np

from etl.demo import text
from etl.demo.city import City
from etl.demo.formats import sheets
from etl.demo.rows import Dataset, Rows

DEPARTMENTS = {
    "public_security": "市公安局",
    "health": "市卫生计生委",
    "civil_affairs": "市民政局",
    "human_resources": "市人力资源社会保障局",
    "education": "市教育局",
    "housing_fund": "市住房公积金管理中心",
    "poverty_relief": "市扶贫移民局",
    "market_regulation": "市工商局",
    "quality_supervision": "市质监局",
    "state_tax": "市国税局",
    "local_tax": "市地税局",
    "food_drug": "市食品药品监管局",
    "development_reform": "市发展改革委",
    "court": "市中级人民法院",
    "justice": "市司法局",
    "transport": "市交通运输局",
    "water": "市水务局",
    "agriculture": "市农业局",
    "culture": "市文广新局",
    "planning": "市规划建设局",
    "urban_management": "市城市管理局",
    "meteorology": "市气象局",
    "emergency": "市政府应急办",
    "science": "市科技局",
    "housing": "市住房城乡建设局",
    "safety": "市安全监管局",
    "mass_work": "市群众工作局",
    "statistics_bureau": "市统计局",
    "land": "市国土资源局",
}
KINDS = ("业务管理系统", "办公自动化系统", "门户网站", "行政审批系统", "数据交换平台", "视频会议系统", "统计直报系统", "档案管理系统")


class Systems:
    """The list of one department."""

    def __init__(self, department: str) -> None:
        self.department = department

    def __call__(self, city: City) -> Rows:
        chance = city.chance.sub(f"systems/{self.department}")
        ids = np.arange(int(chance.integers("count", [0], 2, 9)[0]))
        n = len(ids)
        bureau = DEPARTMENTS[self.department]

        def one_of(name: str, *choices: str | None) -> text.Text:
            return text.pick(choices, chance.integers(name, ids, 0, len(choices)))

        changed = chance.happens("changed", ids, 0.06) & (city.day >= 1)
        columns = {
            "序号": text.of(ids + 1),
            "单位": text.same(bureau, n),
            "系统名称": text.join(bureau.removeprefix("市"), text.pick(KINDS, ids)),
            "系统功能": one_of("function", "公文流转", "数据采集,汇总", "业务受理、审批、查询", "信息发布"),
            "使用范围": one_of("scope", "公众", "本单位", "全市", "本系统"),
            "使用频度": one_of("frequency", "每天", "每天", "每周", "每月", "很少使用"),
            "网络": one_of("network", "互联网", "政务外网", "专网", "内网"),
            "是否涉密": text.where(chance.happens("secret", ids, 0.06), "是", "否"),
            "是否迁移上云": text.where(changed, "是", one_of("cloud", "是", "否", "否")),
            "计划迁移时间": one_of("plan", None, "2019年", "2018年6月", "2018-12"),
            "是否接入共享平台": one_of("shared", "是", "否", "否", "部分"),
            "建设审批部门": one_of("approved by", "市发展改革委", "省厅统建", None, "市经信委"),
            "审批时间": one_of("approved on", "2012-05", "2016/11/02", "2014年3月", None),
            "经费来源": one_of("funds", "财政", "上级专项", "自筹"),
            "年运维经费(万元)": one_of("cost", "约8万", "30", "5", "无", "12.5", None),
            "状态": one_of("state", "在用", "在用", "在用", "停用", "整合"),
        }
        return Rows(ids, columns)


DATASETS = [
    Dataset(
        f"{d}/information_systems",
        ("系统名称",),
        "full",
        Systems(d),
        sheets.workbook("政务信息系统清单（附件1）"),
        not_content=("序号",),
        clean=True,
        ordered=True,
        days=(0, 1),
    )
    for d in DEPARTMENTS
]
