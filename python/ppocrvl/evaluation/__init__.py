# SPDX-License-Identifier: Apache-2.0
"""How well a model reads images and documents whose text is known.

`dataset` finds images and truths, `metrics` compares two texts, `evaluate` reads and sums up,
`agreement` compares predictions with a reference model's, `report` prints, `comparison` puts
several reports side by side. For whole documents with their true Markdown there are `document_set`,
`document_metrics` and `documents`.
"""

from ppocrvl.evaluation.agreement import Agreement, agreement
from ppocrvl.evaluation.dataset import Item, read_dataset
from ppocrvl.evaluation.document_set import DocumentItem, holds_documents, read_documents
from ppocrvl.evaluation.documents import (
    DocumentEvaluation,
    DocumentSummary,
    EvaluatedDocument,
    evaluate_documents,
)
from ppocrvl.evaluation.run import EvaluatedItem, Evaluation, Summary, evaluate

__all__ = [
    "Agreement",
    "DocumentEvaluation",
    "DocumentItem",
    "DocumentSummary",
    "EvaluatedDocument",
    "EvaluatedItem",
    "Evaluation",
    "Item",
    "Summary",
    "agreement",
    "evaluate",
    "evaluate_documents",
    "holds_documents",
    "read_dataset",
    "read_documents",
]
