//! Numbers as people read them.

use crate::table::Unit;

/// A number with as many digits as mean something.
pub(crate) fn figure(number: f64) -> String {
    let digits = match number.abs() {
        0.0 => 0,
        size if size < 0.01 => 4,
        size if size < 0.1 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    let plain = format!("{number:.digits$}");
    let (whole, part) = plain.split_once('.').map_or((&plain[..], None), |(a, b)| (a, Some(b)));
    let mut grouped = String::new();
    for (at, digit) in whole.char_indices() {
        let left = whole.len() - at;
        if at > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    part.map_or(grouped.clone(), |part| format!("{grouped}.{part}"))
}

/// A figure with its unit, as short as can be.
pub(crate) fn with_unit(number: f64, unit: Unit) -> String {
    let (scale, word) = match unit {
        Unit::Nanos if number >= 1e6 => (1e6, " ms"),
        Unit::Nanos if number >= 1e4 => (1e3, " µs"),
        Unit::Nanos => (1.0, " ns"),
        Unit::Millis => (1.0, " ms"),
        Unit::Bytes if number >= 1e6 => (1e6, " MB"),
        Unit::Bytes => (1.0, " B"),
        Unit::PerSecond if number >= 1e6 => (1e6, " M/s"),
        Unit::PerSecond => (1.0, " /s"),
        Unit::Count => (1.0, ""),
    };
    format!("{}{word}", figure(number / scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_mean_something() {
        let known = [
            (0.0, "0"),
            (0.456, "0.46"),
            (0.0456, "0.046"),
            (0.00456, "0.0046"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1234.5, "1,234"),
            (-1234567.0, "-1,234,567"),
            (-123.0, "-123"),
            (1000000.0, "1,000,000"),
        ];
        for (number, text) in known {
            assert_eq!(figure(number), text);
        }
    }

    #[test]
    fn figures_have_their_units() {
        let known = [
            (1.5, Unit::Nanos, "1.50 ns"),
            (20_000.0, Unit::Nanos, "20.0 µs"),
            (3e6, Unit::Nanos, "3.00 ms"),
            (8_908.8, Unit::Bytes, "8,909 B"),
            (0.0, Unit::Count, "0"),
        ];
        for (number, unit, text) in known {
            assert_eq!(with_unit(number, unit), text);
        }
    }
}
