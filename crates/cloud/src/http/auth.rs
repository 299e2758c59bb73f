pub const COOKIE: &str = "marque_session";
