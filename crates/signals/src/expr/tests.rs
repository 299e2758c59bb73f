use proptest::prelude::*;

use super::*;

fn eval(text: &str) -> String {
    let expr = Expr::parse(text).unwrap();
    let value = expr.eval(|index| match &*expr.inputs()[index] {
        "Speed" => Operand::Number(36.0),
        "Gear" => Operand::Text("R"),
        "Vehicle.IsMoving" => Operand::Bool(true),
        _ => Operand::Null,
    });
    format!("{value:?}")
}

#[track_caller]
fn check(text: &str, expected: Operand<'_>) {
    assert_eq!(eval(text), format!("{expected:?}"), "{text}");
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    assert_eq!(Expr::parse(text).unwrap_err().to_string(), expected);
}

#[test]
fn precedence_is_that_of_common_languages() {
    check("1 + 2 * 3", Operand::Number(7.0));
    check("(1 + 2) * 3 - 4 - 1", Operand::Number(4.0));
    check("-2 * -3", Operand::Number(6.0));
    check("1 + 1 == 2 && 3 > 2 || false", Operand::Bool(true));
    check("0x1F % 10", Operand::Number(1.0));
    check("1.5e-1", Operand::Number(0.15));
}

#[test]
fn inputs_are_read_by_name() {
    check("Speed / 3.6", Operand::Number(10.0));
    check("if(Gear == \"R\", -Speed, Speed)", Operand::Number(-36.0));
    check("!Vehicle.IsMoving", Operand::Bool(false));
    assert_eq!(Expr::parse("B + A * B").unwrap().inputs(), ["B".into(), "A".into()]);
}

#[test]
fn functions_take_their_arguments() {
    check("min(3, Speed, 2)", Operand::Number(2.0));
    check("max(1, 2) + abs(-3) + round(1.5) + floor(1.9)", Operand::Number(8.0));
    check("coalesce(Missing, null, 7)", Operand::Number(7.0));
}

#[test]
fn null_spreads_except_where_the_answer_is_known() {
    check("Missing + 1", Operand::Null);
    check("Missing == Missing", Operand::Null);
    check("1 / 0", Operand::Null);
    check("\"a\" + 1", Operand::Null);
    check("false && Missing", Operand::Bool(false));
    check("Missing || true", Operand::Bool(true));
    check("isNull(Missing) && !isNull(Speed)", Operand::Bool(true));
    check("if(Missing, 1, 2)", Operand::Null);
}

#[test]
fn a_boolean_counts_as_one_in_a_sum() {
    check("Vehicle.IsMoving + 1", Operand::Number(2.0));
    check("Gear == 1", Operand::Bool(false));
}

#[test]
fn errors_name_the_column() {
    check_error("1 + ", "column 5: ends where a value belongs");
    check_error("1 + * 2", "column 5: `*` where a value belongs");
    check_error("a b", "column 3: `b` where the end belongs");
    check_error("ä + #", "column 5: `#` means nothing here");
    check_error("1.2.3", "column 1: `1.2.3` is not a number");
    check_error("if(1, 2)", "column 1: `if` takes three arguments, not 2");
    check_error("\"open", "column 1: the text has no closing `\"`");
    assert!(Expr::parse("nope(1)").unwrap_err().problem.starts_with("no function `nope`"));
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = format!("{}1{}", "(".repeat(DEPTH_MAX + 1), ")".repeat(DEPTH_MAX + 1));
    assert!(Expr::parse(&deep).unwrap_err().problem.starts_with("nested deeper"));
    assert!(Expr::parse(&"-".repeat(2_000)).unwrap_err().problem.starts_with("nested deeper"));
    assert!(Expr::parse(&"1+".repeat(1_000)).unwrap_err().problem.starts_with("more than"));
    assert!(Expr::parse(&" ".repeat(TEXT_BYTES_MAX + 1)).is_err());
}

#[test]
fn values_that_wait_are_bounded_by_the_stack() {
    let nested = |count: usize| format!("{}1{}", "1+(".repeat(count), ")".repeat(count));
    assert_eq!(eval(&nested(STACK_MAX - 1)), format!("Number({STACK_MAX}.0)"));
    assert!(Expr::parse(&nested(STACK_MAX)).unwrap_err().problem.contains("values wait"));
}

proptest! {
    #[test]
    fn any_text_parses_or_fails_without_a_panic(text in ".{0,200}") {
        if let Ok(expr) = Expr::parse(&text) {
            expr.eval(|_| Operand::Null);
        }
    }

    #[test]
    fn any_sequence_of_tokens_evaluates_without_a_panic(
        tokens in proptest::collection::vec(
            prop_oneof![
                Just("1"), Just("a"), Just("\"t\""), Just("("), Just(")"), Just(","), Just("min"), Just("if"),
                Just("+"), Just("-"), Just("!"), Just("=="), Just("&&"), Just("isNull"), Just("null"), Just("/"),
            ],
            0..60,
        ),
        number in any::<f64>(),
    ) {
        if let Ok(expr) = Expr::parse(&tokens.join(" ")) {
            expr.eval(|_| Operand::number(number));
        }
    }
}
