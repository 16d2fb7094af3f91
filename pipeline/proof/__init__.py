"""How right the pipeline is, measured on recordings of which the truth is known."""
