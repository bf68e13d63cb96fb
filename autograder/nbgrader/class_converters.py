"""Runs nbgrader's steps for one student after another, and makes exporter, templates and preprocessors only once."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter
from nbconvert.writers.files import FilesWriter
from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.nbgraderformat import MetadataValidator, ValidationError
from nbgrader.preprocessors import CheckCellMetadata
from nbgrader.utils import capture_log, temp_attrs
from traitlets.config import Config


class _Validator(MetadataValidator):
    """nbgrader's validator, which does not check the same metadata twice."""

    seen: set[str] = set()

    def validate_cell(self, cell: Any) -> None:
        """nbgrader's method. Raises its ValidationError."""
        key = json.dumps([cell.cell_type, cell.metadata.get("nbgrader")], sort_keys=True, default=str)
        if key not in self.seen:
            super().validate_cell(cell)
            self.seen.add(key)


class _CheckCellMetadata(CheckCellMetadata):
    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """nbgrader's method. Raises its ValidationError."""
        try:
            _Validator().validate_nb(nb)
        except ValidationError:
            return super().preprocess(nb, resources)  # which reports the error
        return nb, resources


class _Once:
    """A mix-in for an nbgrader converter that is started many times."""

    _started = False

    def start(self: Any) -> None:
        """nbgrader's method: converts the hand-ins that the course folder names now."""
        self.init_notebooks()
        if not self._started:
            self.writer = FilesWriter(parent=self, config=self.config)
            self.exporter = self.exporter_class(parent=self, config=self.config)
            self.exporter.optimistic_validation = True  # once, after all preprocessors
            for preprocessor in self.preprocessors:
                self.exporter.register_preprocessor(preprocessor)
            self._started = True
        before = os.getcwd()
        os.chdir(self.coursedir.root)
        try:
            self.convert_notebooks()
        finally:
            os.chdir(before)


class _Autograde(_Once, Autograde):
    def _init_preprocessors(self) -> None:
        """nbgrader's method: the preprocessors of the pass that comes now."""
        made: dict[bool, list[Any]] = self.__dict__.setdefault("_made", {})
        if self._sanitizing not in made:
            super()._init_preprocessors()
            made[self._sanitizing] = [
                _CheckCellMetadata(parent=self.exporter) if type(one) is CheckCellMetadata else one
                for one in self.exporter._preprocessors
            ]
        self.exporter._preprocessors = made[self._sanitizing]


class _GenerateFeedback(_Once, GenerateFeedback):
    pass


class ClassConverters:
    """Autograde and GenerateFeedback for a class; their outcomes are those of nbgrader's own NbGraderAPI."""

    def __init__(self, api: NbGraderAPI) -> None:
        self._coursedir = api.coursedir
        self._autograde = _Autograde(coursedir=api.coursedir, parent=api)
        self._autograde.force = self._autograde.create_student = True
        self._feedback = _GenerateFeedback(coursedir=api.coursedir, parent=api)
        self._feedback.update_config(Config({"HTMLExporter": {"template_name": "feedback"}}))
        self._feedback.force = True

    def autograde(self, assignment: str, student: str) -> dict[str, Any]:
        """As NbGraderAPI.autograde."""
        with temp_attrs(self._coursedir, assignment_id=assignment, student_id=student):
            return dict(capture_log(self._autograde))

    def generate_feedback(self, assignment: str, student: str) -> dict[str, Any]:
        """As NbGraderAPI.generate_feedback."""
        with temp_attrs(self._coursedir, assignment_id=assignment, student_id=student):
            return dict(capture_log(self._feedback))


class FeedbackPage(HTMLExporter):
    """nbconvert's HTMLExporter, which renders each text of the course and each piece of code only once for a class.

    nbconvert parses every page again, to describe images without a description; here only pages with images are parsed.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)  # type: ignore[no-untyped-call]  # nbconvert's methods have no annotations
        self._drawn: dict[tuple[str, ...], str] = {}
        self._draws: dict[str, Highlight2HTML] = {}

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        """nbconvert's filter: Markdown as HTML."""
        if self.embed_images or context.get("cell", {}).get("attachments"):
            return str(super().markdown2html(context, source))
        return self._once(("markdown", source), lambda: super(FeedbackPage, self).markdown2html(context, source))

    def _once(self, key: tuple[str, ...], draw: Any) -> str:
        if key not in self._drawn:
            if len(self._drawn) > 2000:  # answers differ from student to student
                self._drawn.clear()
            self._drawn[key] = str(draw())
        return self._drawn[key]

    def from_notebook_node(self, nb: Any, resources: Any = None, **more: Any) -> Any:
        """nbconvert's method: the page, and the resources."""
        named = nb.metadata.get("language_info", {})
        lexer = str(named.get("pygments_lexer", named.get("name", None)) or "ipython3")
        draw = self._draws.setdefault(lexer, Highlight2HTML(pygments_lexer=lexer, parent=self))

        def highlight(source: str, language: str | None = None, metadata: Any = None) -> str:
            magic = (metadata or {}).get("magics_language", "")
            return self._once(
                (lexer, language or "", magic, source), lambda: draw(source, language=language, metadata=metadata)
            )

        made = self._init_resources(resources)  # type: ignore[no-untyped-call]
        widgets = WidgetsDataTypeFilter(notebook_metadata=self._nb_metadata, parent=self, resources=made)
        for name, use in (
            ("highlight_code", self.filters.get("highlight_code", highlight)),
            ("filter_data_type", widgets),
        ):
            self.register_filter(name, use)  # type: ignore[no-untyped-call]
        page, made = TemplateExporter.from_notebook_node(self, nb, made, **more)
        if re.search(r"<img\b(?![^>]*\balt\s*=)", page, re.IGNORECASE) or "jp-Notebook" in page:
            return super().from_notebook_node(nb, resources, **more)
        return page, made
