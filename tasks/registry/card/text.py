"""The model card: what a champion is, what it is for, and what it is worth, for whoever uses it.

Its form is that of Hugging Face: https://huggingface.co/docs/hub/model-cards.
"""

from tasks.comparison.schema.report import Comparison
from tasks.registry.documents import NamedModel


def card(comparison: Comparison, model: NamedModel, temperature: float) -> str:
    """The card of a model from the report of its run, in Markdown after YAML."""
    return f"---\nlibrary_name: keras\npipeline_tag: image-classification\n---\n\n# {model.dataset}\n"
