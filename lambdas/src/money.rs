//! Money: whole minor units of one currency, as in ISO 4217.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// An amount in minor units (cents for the euro), 0 to 2^53 − 1. All JSON parsers read these integers exactly (RFC
/// 8259, section 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Amount(#[schemars(range(max = 9_007_199_254_740_991_u64))] u64);

impl Amount {
    /// 2^53 − 1.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// `None` if it is more than [`Amount::MAX`].
    #[must_use]
    pub const fn new(minor_units: u64) -> Option<Self> {
        if minor_units <= Self::MAX.0 { Some(Self(minor_units)) } else { None }
    }

    /// In minor units.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(whole_number(deserializer)?).ok_or_else(|| D::Error::custom("more than 2^53 - 1"))
    }
}

/// Reads an integer as JSON Schema defines it: `100`, `100.0` and `1e2` are the same number (Validation, 6.1.1).
///
/// # Errors
/// If it is not a number, is negative, has a fraction or does not fit in 64 bits.
pub fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    let of_float = |float: f64| {
        // Adding zero turns -0 into 0. A float without a fraction is printed exactly.
        (float.fract() == 0.0).then(|| format!("{:.0}", float + 0.0).parse().ok()).flatten()
    };
    number
        .as_u64()
        .or_else(|| number.as_f64().and_then(of_float))
        .ok_or_else(|| D::Error::custom("not a non-negative integer"))
}

// Only the form of the code is checked.
/// The code of a currency, as in ISO 4217.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", inline, extend("pattern" = "^[A-Z]{3}$"))]
pub struct Currency([u8; 3]);

/// The text does not have the form of a currency code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a currency is three upper-case letters, such as EUR")]
pub struct WrongCurrency;

impl Currency {
    pub const EUR: Self = Self(*b"EUR");

    /// Formats an amount for people, with the code in front: `EUR 12.34`.
    #[must_use]
    pub fn format(self, amount: Amount) -> String {
        let digits = self.minor_digits();
        let unit = 10_u64.pow(digits);
        let (major, minor) = (amount.get() / unit, amount.get() % unit);
        match usize::try_from(digits) {
            Ok(width @ 1..) => format!("{self} {major}.{minor:0width$}"),
            _ => format!("{self} {major}"),
        }
    }

    /// The number of decimals (ISO 4217, list one). Currencies that are not listed here have two.
    const fn minor_digits(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX"
            | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"CLF" | b"UYW" => 4,
            _ => 2,
        }
    }
}

impl FromStr for Currency {
    type Err = WrongCurrency;

    fn from_str(code: &str) -> Result<Self, WrongCurrency> {
        let code: [u8; 3] = code.as_bytes().try_into().map_err(|_| WrongCurrency)?;
        if code.iter().all(u8::is_ascii_uppercase) { Ok(Self(code)) } else { Err(WrongCurrency) }
    }
}

impl TryFrom<String> for Currency {
    type Error = WrongCurrency;

    fn try_from(code: String) -> Result<Self, WrongCurrency> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.to_string()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.0.map(char::from);
        write!(f, "{a}{b}{c}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_json_schema_defines_them() {
        for (json, expected) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("-0.0", Some(0)),
            ("100", Some(100)),
            ("100.0", Some(100)),
            ("1e2", Some(100)),
            ("9007199254740991", Some(Amount::MAX.get())),
            ("9007199254740992", None),
            ("9223372036854775808", None),
            ("18446744073709551616", None),
            ("1e300", None),
            ("-1", None),
            ("0.5", None),
            ("\"5\"", None),
            ("null", None),
        ] {
            let amount = serde_json::from_str::<Amount>(json).ok().map(Amount::get);
            assert_eq!(amount, expected, "{json}");
        }
    }

    #[test]
    fn an_amount_is_formatted_with_the_decimals_of_its_currency() {
        for (code, minor, expected) in [
            ("EUR", 0, "EUR 0.00"),
            ("EUR", 5, "EUR 0.05"),
            ("EUR", 123_456, "EUR 1234.56"),
            ("EUR", Amount::MAX.get(), "EUR 90071992547409.91"),
            ("JPY", 1200, "JPY 1200"),
            ("KWD", 1200, "KWD 1.200"),
        ] {
            let currency: Currency = code.parse().unwrap();
            assert_eq!(currency.format(Amount::new(minor).unwrap()), expected);
        }
    }

    #[test]
    fn a_currency_is_three_upper_case_letters() {
        for code in ["", "eur", "EU", "EURO", "E1R", "ÄR"] {
            assert_eq!(code.parse::<Currency>(), Err(WrongCurrency), "{code}");
        }
        assert_eq!(serde_json::to_string(&Currency::EUR).unwrap(), "\"EUR\"");
    }
}
