//! Enums of words: each variant has one spelling for policies, tables and URLs.

/// `Name, count, Error's variant: Variant "slug", ...`
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $count:literal, $error:ident: $($(#[$word:meta])* $variant:ident $slug:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$word])* $variant),+ }

        impl $name {
            pub const ALL: [Self; $count] = [$(Self::$variant),+];

            /// How policies, tables and URLs spell it.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug),+ }
            }

            /// Its place in `ALL`, for dense tables.
            pub const fn index(self) -> usize {
                self as usize
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.slug())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::Error;

            fn from_str(text: &str) -> Result<Self, $crate::Error> {
                Self::ALL.into_iter().find(|word| word.slug() == text).ok_or($crate::Error::$error)
            }
        }
    };
}
pub(crate) use words;
