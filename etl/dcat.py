"""What every DCAT document of ours has in common: the context (inside, so that nothing is fetched), vocabularies, small nodes."""

from typing import Any

from etl.spec import exchange

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


def frequency(cycle: str) -> dict[str, str]:
    """The update cycle in the EU's vocabulary, which CKAN knows."""
    return {"@id": FREQUENCY + FREQUENCIES[cycle]}


def publisher(department: str, name: str, code: str | None) -> dict[str, Any]:
    """A department as the publisher; `code`: its credit code, if known."""
    told = {"@id": f"urn:jichu:department:{department}", "@type": "foaf:Organization", "foaf:name": zh(name)}
    return {**told, "dct:identifier": code} if code else told


def us() -> dict[str, Any]:
    """This instance as the publisher of its catalogues; DCAT-AP demands one."""
    instance = exchange.load().instance
    return {
        "@id": f"urn:jichu:instance:{instance.code}",
        "@type": "foaf:Organization",
        "foaf:name": zh(instance.title),
        "dct:identifier": instance.code,
    }


def zh(text: str) -> dict[str, str]:
    """A text in Chinese."""
    return {"@value": text, "@language": "zh"}


def day(value: Any) -> dict[str, str]:
    """A date."""
    return {"@value": str(value), "@type": "xsd:date"}
