"""Characters that are taken for each other by eye: 未 and 末, 吴 and 昊, 成 and 戍.

`alike.txt` holds, a line for each character of GB/T 2312 that has any, the characters that look like it. It is made by

    python -m etl.match.alike FONT

which draws all of them in a font (Noto Sans CJK SC, SIL Open Font License), each stretched to the same box and blurred
as a bad copy is, and keeps the pairs whose pictures correlate by more than `LEAST`.
"""

import sys
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

FILE = Path(__file__).with_suffix(".txt")
LEAST = 0.65
BOX, BLUR = 32, 1.6


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Table `alike` (character, other): both ways."""
    lines = FILE.read_text(encoding="utf-8").split()
    told = pa.table({"line": pa.array(lines, pa.string())})
    con.register("alike_line", told)
    con.execute("""
        create or replace table alike as
        with pair as (select line[1] as character, unnest(string_split(line[2:], '')) as other from alike_line)
        select * from pair union select other, character from pair
    """)
    con.unregister("alike_line")


def gb2312() -> list[str]:
    """The 6,763 characters of GB/T 2312-1980."""
    every = (bytes([high, low]) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF))
    return [text for text in (code.decode("gb2312", errors="ignore") for code in every) if text]


def _pictures(characters: list[str], font: str) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """One row of `BOX`² grey values for each character: centred, of length 1."""
    from PIL import Image, ImageDraw, ImageFilter, ImageFont

    face, rows = ImageFont.truetype(font, 40), []
    for character in characters:
        image = Image.new("L", (44, 48), 0)
        ImageDraw.Draw(image).text((2, 0), character, font=face, fill=255)
        image = image.crop(image.getbbox()).resize((BOX, BOX)).filter(ImageFilter.GaussianBlur(BLUR))
        grey = np.asarray(image, dtype=np.float32).ravel()
        rows.append((grey - grey.mean()) / np.linalg.norm(grey - grey.mean()))
    return np.stack(rows)


def draw(font: str) -> None:
    """Writes `alike.txt`."""
    characters = gb2312()
    pictures = _pictures(characters, font)
    like = np.triu(pictures @ pictures.T, 1) > LEAST
    lines = [c + "".join(characters[j] for j in np.flatnonzero(row)) for c, row in zip(characters, like, strict=True) if row.any()]
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    draw(sys.argv[1])
