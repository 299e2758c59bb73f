//! Purposes, categories, grants and the one decision function.
