"""The smallest PDF that shows lines of text."""

LINE_PT = 18


def pdf(lines: list[str]) -> bytes:
    """One page with these lines, in Helvetica; what Latin-1 does not have is a question mark."""
    shown = b" T* ".join(b"(%s) Tj" % _escaped(line) for line in lines)
    stream = b"BT /F1 12 Tf %d TL 72 720 Td %s ET" % (LINE_PT, shown)
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    document, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(parts) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return document + end % (size, table, size, len(document))


def _escaped(line: str) -> bytes:
    plain = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return plain.encode("cp1252", "replace")
