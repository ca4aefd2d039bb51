"""The catalogue as DCAT 2 in JSON-LD, in the properties that CKAN's DCAT harvester reads. The context stands inside: nothing is fetched."""

import json
from pathlib import Path
from typing import Any

from etl import store
from etl.catalog.listed import Listed
from etl.dcat import CONTEXT, RIGHTS, day, frequency, publisher, us, zh


def identify(code: str) -> str:
    """The IRI of a resource: its code as a URN."""
    return f"urn:jichu:resource:{code}"


def write(listed: Listed, path: Path) -> Path:
    """The catalogue; returns its path."""
    catalogue = {
        "@context": CONTEXT,
        "@id": "urn:jichu:catalog",
        "@type": "dcat:Catalog",
        "dct:title": zh(listed.title),
        "dct:description": zh("依《政务信息资源目录编制指南（试行）》由数据声明与数据库注释生成"),
        "dct:publisher": us(),
        "dct:modified": day(listed.day),
        "dct:language": "zh-CN",
        "dcat:dataset": [_dataset(r, listed) for r in listed.resources],
    }
    with store.write_atomically(path) as beside:
        beside.write_text(json.dumps(catalogue, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def _dataset(resource: dict[str, Any], listed: Listed) -> dict[str, Any]:
    code = resource["resource_code"]
    conditions = "；".join(t for t in (resource["share_condition"], resource["open_condition"]) if t) or "部门间无条件共享"
    told = {
        "@id": identify(code),
        "@type": "dcat:Dataset",
        "dct:identifier": code,
        "dct:title": zh(resource["name"]),
        "dct:description": zh(resource["abstract"]),
        "dct:publisher": publisher(resource["department"], resource["provider"], resource["provider_code"]),
        "dcat:theme": {
            "@id": f"urn:jichu:class:{code.split('/')[0]}",
            "@type": "skos:Concept",
            "skos:prefLabel": zh(resource["classification"]),
        },
        "dcat:keyword": [zh(k) for k in resource["classification"].split("/")],
        "dct:accrualPeriodicity": frequency(resource["update_cycle"]),
        "dct:accessRights": {
            "@id": RIGHTS + ("PUBLIC" if resource["open"] else "NON_PUBLIC" if resource["share_type"] == 3 else "RESTRICTED")
        },
        "dct:rights": {"@type": "dct:RightsStatement", "rdfs:label": zh(conditions)},
        "dct:relation": [{"@id": identify(other)} for other in resource["related_codes"]],
        "dcat:distribution": {
            "@id": identify(code) + "#distribution",
            "@type": "dcat:Distribution",
            "dct:title": zh(resource["share_mode"]),
            "dct:description": zh("信息项：" + "、".join(i["name"] for i in listed.items[code])),
            "dct:format": resource["format"].split("/")[-1],
        },
    }
    for name, on in (("dct:issued", resource["published_on"]), ("dct:modified", resource["updated_on"])):
        if on:
            told[name] = day(on)
    return told
