"""Who is late, and whose last delivery was short, empty or a repetition: ops.punctual in sentences."""

from etl import db
from etl.settings import Settings

DUE = {"daily": "每日", "weekly": "每周", "monthly": "每月", "quarterly": "每季", "yearly": "每年", "irregular": "不定期"}


def unpunctual(settings: Settings) -> dict[str, list[str]]:
    """Dataset → what there is to say of it on the business date, the longest overdue first; punctual ones are left out, and
    those that never came: nobody knows since when they are awaited."""
    found = db.query(
        settings,
        "select dataset, due, last_delivered_on, next_due_on, days_late, state, last_rows, usual_rows, is_short, is_empty, odd "
        "from (select *, dataset in (select ops.unusual_repeat(%s)) as odd from ops.punctual(%s)) p "
        "where state = 'late' or is_short or is_empty or odd order by days_late desc nulls last, dataset",
        [settings.today, settings.today],
    )
    out: dict[str, list[str]] = {}
    for dataset, due, last, latest, days, state, rows, usual, short, empty, repeated in found:
        said = out.setdefault(dataset, [])
        if state == "late":
            said.append(f"逾期 {days} 天（{DUE[due]}，上次 {last}，最迟应在 {latest}）")
        if short:
            said.append(f"{last} 的交付过短：{rows} 行，以往中位数 {usual} 行")
        if empty:
            said.append(f"{last} 的交付是空的")
        if repeated:
            said.append(f"{last} 的交付与上次完全相同")
    return out
