//! What rules say about dates and words: pure functions over facts.
