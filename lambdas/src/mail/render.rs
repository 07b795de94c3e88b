use super::{Message, Role};

/// The content of an email.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// One line, without control characters.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The same body as HTML.
    pub html: String,
}

impl Message {
    /// Writes the email. Whatever the title and the bidder's name contain, the subject stays on one line, the text
    /// keeps its number of lines, and the HTML gets no further elements.
    #[must_use]
    pub fn render(&self) -> Rendered {
        let title = one_line(&self.title);
        let (subject, sentences) = match (self.role, &self.sale) {
            (Role::Seller, Some(sale)) => (
                format!("Sold: {title}"),
                [
                    format!("Your auction \"{title}\" has ended."),
                    format!(
                        "The winner is {} with a bid of {}.",
                        one_line(&sale.bidder),
                        self.currency.format(sale.amount)
                    ),
                ],
            ),
            (Role::Bidder, Some(sale)) => (
                format!("You won: {title}"),
                [
                    format!("The auction \"{title}\" has ended."),
                    format!("You won it with your bid of {}.", self.currency.format(sale.amount)),
                ],
            ),
            (Role::Seller | Role::Bidder, None) => (
                format!("No bids: {title}"),
                [
                    format!("Your auction \"{title}\" has ended."),
                    "There were no bids. To offer the item again, create a new auction.".to_owned(),
                ],
            ),
        };
        let reference = format!("Auction {}", self.auction);
        let text = format!("{}\n\n{reference}\n", sentences.join("\n"));
        let html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n\
             <body><p>{}</p><p>{}</p></body></html>\n",
            escape(&subject),
            escape(&sentences.join(" ")),
            escape(&reference)
        );
        Rendered { subject, text, html }
    }
}

/// Replaces line breaks and other control characters by spaces, so that a title cannot add headers or lines to an
/// email.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

/// Escapes text for HTML elements and quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{
        mail::Sale,
        money::{Amount, Currency},
    };

    fn message(role: Role, title: &str, sale: Option<Sale>) -> Message {
        let to = "ann@example.org".to_owned();
        Message { auction: Uuid::nil(), role, to, title: title.to_owned(), currency: Currency::EUR, sale }
    }

    fn sale() -> Sale {
        Sale { amount: Amount::new(1234).unwrap(), bidder: "bob".to_owned() }
    }

    #[test]
    fn the_seller_learns_the_price_and_the_bidder() {
        let email = message(Role::Seller, "A lamp", Some(sale())).render();
        assert_eq!(email.subject, "Sold: A lamp");
        assert_eq!(
            email.text,
            "Your auction \"A lamp\" has ended.\nThe winner is bob with a bid of EUR 12.34.\n\n\
             Auction 00000000-0000-0000-0000-000000000000\n"
        );
        assert!(email.html.contains("&quot;A lamp&quot; has ended. The winner is bob with a bid of EUR 12.34.</p>"));
    }

    #[test]
    fn the_winner_learns_the_price() {
        let email = message(Role::Bidder, "A lamp", Some(sale())).render();
        assert_eq!(email.subject, "You won: A lamp");
        assert!(email.text.contains("You won it with your bid of EUR 12.34."));
    }

    #[test]
    fn the_seller_learns_that_there_were_no_bids() {
        let email = message(Role::Seller, "A lamp", None).render();
        assert_eq!(email.subject, "No bids: A lamp");
        assert!(email.text.contains("There were no bids. To offer the item again, create a new auction."));
    }

    #[test]
    fn a_title_cannot_add_html_elements() {
        let email = message(Role::Seller, "<img src=x onerror='a()'> & \"co\"", None).render();
        assert!(email.html.contains("&lt;img src=x onerror=&#39;a()&#39;&gt; &amp; &quot;co&quot;"));
        assert!(!email.html.contains("<img"));
        assert!(email.text.contains("<img src=x onerror='a()'> & \"co\""));
    }

    proptest! {
        #[test]
        fn no_title_changes_the_structure_of_an_email(title in any::<String>()) {
            let plain = message(Role::Seller, "x", Some(sale())).render();
            let email = message(Role::Seller, &title, Some(sale())).render();
            prop_assert!(!email.subject.chars().any(char::is_control));
            prop_assert_eq!(email.text.lines().count(), plain.text.lines().count());
            prop_assert_eq!(email.html.matches(['<', '>']).count(), plain.html.matches(['<', '>']).count());
        }
    }
}
