//! Cars and drivers by physics, seeded.
