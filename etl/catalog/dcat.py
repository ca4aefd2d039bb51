"""The catalogue as DCAT 2 in JSON-LD, in the properties that CKAN's DCAT harvester reads. The context stands inside: nothing is fetched."""

import json
from pathlib import Path
from typing import Any

from etl import store
from etl.catalog.listed import Listed

CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
}
FREQUENCY = "http://publications.europa.eu/resource/authority/frequency/"
FREQUENCIES = {
    "实时": "CONT",
    "每日": "DAILY",
    "每周": "WEEKLY",
    "每月": "MONTHLY",
    "每季度": "QUARTERLY",
    "每半年": "ANNUAL_2",
    "每年": "ANNUAL",
    "不定期": "IRREG",
}
RIGHTS = "http://publications.europa.eu/resource/authority/access-right/"


def identify(code: str) -> str:
    """The IRI of a resource: its code as a URN."""
    return f"urn:jichu:resource:{code}"


def write(listed: Listed, path: Path) -> Path:
    """The catalogue; returns its path."""
    catalogue = {
        "@context": CONTEXT,
        "@id": "urn:jichu:catalog",
        "@type": "dcat:Catalog",
        "dct:title": _zh(listed.title),
        "dct:description": _zh("依《政务信息资源目录编制指南（试行）》由数据声明与数据库注释生成"),
        "dct:modified": _day(listed.day),
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
        "dct:title": _zh(resource["name"]),
        "dct:description": _zh(resource["abstract"]),
        "dct:publisher": _publisher(resource),
        "dcat:theme": {
            "@id": f"urn:jichu:class:{code.split('/')[0]}",
            "@type": "skos:Concept",
            "skos:prefLabel": _zh(resource["classification"]),
        },
        "dcat:keyword": [_zh(k) for k in resource["classification"].split("/")],
        "dct:accrualPeriodicity": {"@id": FREQUENCY + FREQUENCIES[resource["update_cycle"]]},
        "dct:accessRights": {
            "@id": RIGHTS + ("PUBLIC" if resource["open"] else "NON_PUBLIC" if resource["share_type"] == 3 else "RESTRICTED")
        },
        "dct:rights": {"@type": "dct:RightsStatement", "rdfs:label": _zh(conditions)},
        "dct:relation": [{"@id": identify(other)} for other in resource["related_codes"]],
        "dcat:distribution": {
            "@id": identify(code) + "#distribution",
            "@type": "dcat:Distribution",
            "dct:title": _zh(resource["share_mode"]),
            "dct:description": _zh("信息项：" + "、".join(i["name"] for i in listed.items[code])),
            "dct:format": resource["format"].split("/")[-1],
        },
    }
    for name, day in (("dct:issued", resource["published_on"]), ("dct:modified", resource["updated_on"])):
        if day:
            told[name] = _day(day)
    return told


def _publisher(resource: dict[str, Any]) -> dict[str, Any]:
    code = resource["provider_code"]
    told = {"@id": f"urn:jichu:department:{resource['department']}", "@type": "foaf:Organization", "foaf:name": _zh(resource["provider"])}
    return {**told, "dct:identifier": code} if code else told


def _zh(text: str) -> dict[str, str]:
    return {"@value": text, "@language": "zh"}


def _day(day: Any) -> dict[str, str]:
    return {"@value": str(day), "@type": "xsd:date"}
