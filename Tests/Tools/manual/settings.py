"""The settings file that is installed, taken apart: each key with the comment above it."""
import dataclasses, re


@dataclasses.dataclass
class Table:
    header: str
    summary: str
    # Name, meaning, and the line of its type, range and default.
    keys: list


def read(text):
    tables, comment = [], []
    introduction = None
    for line in text.split("\n"):
        if header := re.fullmatch(r"(?:#|# )?(\[+.*\]+)", line):
            name = header[1].replace("source.main", "source.NAME").replace("roles.uploader", "roles.NAME")
            name = name.replace("scopes.encode", "scopes.TASK")
            # The line of the type, where there is one, isn't needed of a table.
            tables.append(Table(name, " ".join(part for part in comment if not part.endswith("default none")), []))
        elif key := re.match(r"(?:#|# )?([a-z0-9_]+) = ", line):
            tables[-1].keys.append((key[1], " ".join(comment[:-1]), comment[-1]))
        elif line.startswith("# "):
            comment.append(line[2:])
            continue
        elif introduction is None:
            introduction = comment
        comment = []
    return tables
