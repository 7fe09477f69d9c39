"""Reading feeds and judging them: documents, dates, what is new, when to ask again."""
