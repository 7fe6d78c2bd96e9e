"""An address as a QR code."""

import io
from typing import Final

import segno

SCALE: Final = 4


def png_of(url: str) -> str:
    """As a PNG in a data URI."""
    return str(segno.make_qr(url).png_data_uri(scale=SCALE))


def svg_of(url: str) -> str:
    """As an SVG element."""
    out = io.BytesIO()
    segno.make_qr(url).save(out, kind="svg", scale=SCALE, xmldecl=False, svgns=True)
    return out.getvalue().decode().strip()
