"""The way back: a workspace to edit, the plan that its edits make, and the push that carries it out."""
