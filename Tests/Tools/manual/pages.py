"""Man pages, in the macros of man(7)."""
import re, textwrap
from email.utils import parsedate_to_datetime

import texts
from helptext import Group


class Release:
    """The version of this tree and its day, by debian/changelog."""

    def __init__(self, changelog):
        self.version = re.match(r"\S+ \(([^)]+)\)", changelog)[1]
        self.day = parsedate_to_datetime(re.search(r"(?m)^ -- .*>  (.*)$", changelog)[1]).strftime("%Y-%m-%d")


class Page:
    def __init__(self, name, release):
        self.name = name
        self.lines = [
            r".\" Made by Tests/Tools/manual/manual: change what a program's --help says, the settings file or texts.py instead.",
            f'.TH {escaped(name.upper())} {texts.SECTIONS[name]} {release.day} "rolekeeper {release.version}" "rolekeeper"',
        ]
        self.section("NAME")
        self.lines += wrap(rf"{escaped(name)} \- {escaped(texts.SUMMARIES[name])}")

    def section(self, title):
        self.lines.append(f".SH {escaped(title)}")

    def subsection(self, title):
        self.lines.append(f".SS {escaped(title)}")

    def paragraph(self, text):
        if not self.lines[-1].startswith((".SH", ".SS")):
            self.lines.append(".PP")
        self.text(text)

    def text(self, text):
        for part in sentences(text):
            self.lines += [rf"\&{line}" if line.startswith(".") else line for line in wrap(marked(part))]

    def verbatim(self, lines):
        self.lines += [".PP", ".RS 4", ".nf"] + [escaped(line) or r"\&" for line in lines] + [".fi", ".RE"]

    def item(self, term, *meanings):
        self.lines += [".TP", term]
        for number, meaning in enumerate(meanings):
            if number:
                self.lines.append(".br")
            self.text(meaning)

    def options(self, items):
        for item in items:
            self.item(rf"\fB{escaped(item.name)}\fR" + (rf" \fI{escaped(item.value)}\fR" if item.value else ""), sentence(item.meaning))

    def statuses(self, group):
        for item in group.items:
            self.item(rf"\fB{escaped(item.term)}\fR", sentence(item.meaning))

    def synopsis(self, usage):
        self.section("SYNOPSIS")
        for number, line in enumerate(usage):
            if number:
                self.lines.append(".br")
            name, _, rest = line.partition(" ")
            self.lines.append(rf"\fB{escaped(name)}\fR {escaped(rest)}".rstrip())

    def part(self, part):
        match part:
            case str(): self.paragraph(part)
            case ("lines", lines): self.verbatim(lines)
            case [str(), *_]: self.verbatim(part)
            case [*terms]:
                for term, meaning in terms:
                    self.item(rf"\fI{escaped(term)}\fR", meaning)

    def more(self):
        for title, parts in texts.MORE[self.name]:
            self.section(title)
            for part in parts:
                self.part(part)

    def finished(self):
        self.more()
        return "\n".join(self.lines) + "\n"


def sentence(text):
    """An entry of a help as a sentence; what begins with a name of something stays as it is."""
    return (text[0].upper() + text[1:] if text[:2].islower() or text[1:2] == " " else text) + ("" if text.endswith(".") else ".")


def wrap(text):
    return textwrap.wrap(text, 80, break_long_words=False, break_on_hyphens=False)


def sentences(text):
    """Each begins a line, as roff wants it."""
    return re.split(r"(?<=[A-Za-z)'\"][.?]) (?=[A-Z])", text)


SPECIAL = {"\\": r"\e", "'": r"\(aq", "-": r"\-", "^": r"\(ha", "~": r"\(ti", "`": r"\(ga", "…": "...", "’": r"\(cq"}


def escaped(text):
    text = "".join(SPECIAL.get(letter, letter) for letter in text)
    return r"\&" + text if text.startswith(".") else text


def marked(text):
    """Options, and pages of the manual, in bold."""
    text = escaped(text)
    text = re.sub(r"(?<![\w\-\\])(\\-\\-[a-z](?:[a-z0-9]|\\-)*)", r"\\fB\1\\fR", text)
    return re.sub(r"\b([a-z][a-z.]*(?:\\-[a-z]+)?)(\([1-8]\))", r"\\fB\1\\fR\2", text)


def program(help, release):
    page = Page(help.name, release)
    page.synopsis(help.usage)
    page.section("DESCRIPTION")
    for part in help.parts:
        if not isinstance(part, Group):
            page.part(part)
    page.section("OPTIONS")
    for group in help.option_groups:
        if group.title:
            page.subsection(group.title)
        page.options(group.items)
    exit_statuses(page, help)
    return page.finished()


def exit_statuses(page, help):
    for group in help.statuses:
        page.section("EXIT STATUS")
        page.statuses(group)


def command_line(help, release):
    page = Page(help.name, release)
    page.synopsis(help.usage + [line for _, command in help.commands for line in command.usage])
    page.section("DESCRIPTION")
    for part in help.parts:
        if not isinstance(part, Group):
            page.paragraph(part)
    page.section("COMMANDS")
    for _, command in help.commands:
        page.subsection(command.usage[0].removeprefix(f"{help.name} "))
        for part in command.parts:
            if isinstance(part, Group):
                if part in command.option_groups:
                    page.options(part.items)
                elif part in command.statuses:
                    page.paragraph(f"{part.title}:")
                    page.statuses(part)
                else:
                    if part.title:
                        page.paragraph(f"{part.title}:")
                    page.statuses(part)
            elif not part.endswith("see 'rolekeeper --help'."):
                page.paragraph(part)
    page.section("OPTIONS")
    page.options(help.options)
    exit_statuses(page, help)
    return page.finished()


def settings(tables, release):
    page = Page("rolekeeper.toml", release)
    page.section("SYNOPSIS")
    page.lines.append("/etc/rolekeeper/rolekeeper.toml")
    page.lines.append(".br")
    page.lines.append("/etc/rolekeeper/roles.d/*.toml")
    page.section("DESCRIPTION")
    for part in texts.SETTINGS_DESCRIPTION:
        page.paragraph(part)
    page.section("TABLES")
    for table in tables:
        page.subsection(table.header)
        page.text(table.summary)
        for name, meaning, facts in table.keys:
            page.item(rf"\fB{escaped(name)}\fR", meaning, f"{facts[0].upper()}{facts[1:]}.")
    return page.finished()
