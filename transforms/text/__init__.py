"""From a page's bytes to its article: text, language, and what it says of itself."""
