"""Looking without touching: mistakes in what is declared, and deliveries that wait."""

from etl import db, spec
from etl.settings import ROOT, Settings
from etl.spec.registry import nearest


def problems() -> list[str]:
    """Every mistake in schemas/, expectations/ and sql/, each with its file, key and the known alternatives."""
    from etl.spec import suite

    registry = spec.load()
    found = list(registry.problems) + list(suite.problems())
    for source in registry.sources.values():
        if not (ROOT / "expectations" / f"{source.stem}.yml").exists():
            found.append(f"schemas/sources/{source.stem}.yml：没有检查；请写 expectations/{source.stem}.yml")
    for library in registry.libraries.values():
        found += _beliefs(registry, library)
    return sorted(set(found))


def _beliefs(registry: spec.Registry, library: spec.Library) -> list[str]:
    """Datasets named in `believe` must exist, so that nobody believes a misspelt source."""
    import fnmatch

    found = []
    for name, fields in library.believe.items():
        for field, rule in fields.items():
            strange = [p for p in rule.order if not fnmatch.filter(registry.sources, p)]
            where = f"schemas/libraries/{library.name}.yml：believe.{name}.{field}.order"
            found += [f"{where}：没有数据集 {p}；{nearest(p, registry.sources)}" for p in strange]
    return found


def waiting(settings: Settings) -> list[str]:
    """Deliveries that are not complete, held or refused, one line each."""
    from etl import extract

    registry = spec.load()
    lines = [
        f"等待：{s.name} {folder.name} 还没有 _SUCCESS" for s in registry.sources.values() for folder in extract.incomplete(s, settings)
    ]
    if settings.database_url:
        try:
            open_ones = db.query(
                settings,
                "select dataset, delivery_id, state, reason from ops.delivery where state in ('held', 'rejected') order by loaded_at",
            )
        except Exception:
            return lines
        lines += [
            f"{'挂起' if state == 'held' else '拒收'}：{dataset} {delivery} {reason}" for dataset, delivery, state, reason in open_ones
        ]
    return lines
