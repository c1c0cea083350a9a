"""Python text in the colours of a terminal."""

from __future__ import annotations

import io
import keyword
import tokenize

_KEYWORD, _STRING, _NUMBER, _COMMENT, _PLAIN = "\033[35m", "\033[32m", "\033[36m", "\033[90m", "\033[0m"


def coloured(text: str) -> str:
    """The text with keywords, strings, numbers and comments coloured; unchanged if it is not Python."""
    lines = text.splitlines(keepends=True)
    pieces: list[tuple[int, int, str, str]] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            colour = _colour(token)
            if colour:
                (row, column), (last, end) = token.start, token.end
                for line in range(row, last + 1):  # a colour ends with its line, for pagers
                    left = column if line == row else 0
                    right = end if line == last else len(lines[line - 1].rstrip("\n"))
                    if left < right:
                        pieces.append((line - 1, left, lines[line - 1][left:right], colour))
    except (tokenize.TokenError, SyntaxError):
        return text
    for line, left, piece, colour in reversed(pieces):
        whole = lines[line]
        lines[line] = f"{whole[:left]}{colour}{piece}{_PLAIN}{whole[left + len(piece) :]}"
    return "".join(lines)


def _colour(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.NAME:
        return _KEYWORD if keyword.iskeyword(token.string) else ""
    return {tokenize.STRING: _STRING, tokenize.NUMBER: _NUMBER, tokenize.COMMENT: _COMMENT}.get(token.type, "")
