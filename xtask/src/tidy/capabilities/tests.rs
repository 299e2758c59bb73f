use super::*;

#[test]
fn a_word_in_the_text_is_no_section() {
    let page = "# API\n\nSomething of vehicles.\n\n## Pages, changes\n";
    assert!(has_section(page, "page") && has_section(page, "changes"));
    assert!(!has_section(page, "vehicles") && !has_section(page, "change_s") && !has_section(page, "age"));
}
