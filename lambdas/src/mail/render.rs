use super::{Message, Role};

/// A mail in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// The body for clients that show plain text.
    pub text: String,
    /// The same body as HTML.
    pub html: String,
}

impl Message {
    /// The mail in words. Whatever the title and the bidder's name hold, the subject stays one line, the text keeps its
    /// lines, and the HTML has no other elements than ours.
    #[must_use]
    pub fn render(&self) -> Rendered {
        let title = one_line(&self.title);
        let (subject, sentences) = match (self.role, &self.sale) {
            (Role::Seller, Some(sale)) => (
                format!("Sold: {title}"),
                [
                    format!("Your auction \"{title}\" has ended."),
                    format!("The highest bid is {} by {}.", self.currency.format(sale.amount), one_line(&sale.bidder)),
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
                [format!("Your auction \"{title}\" has ended."), "Nobody made a bid.".to_owned()],
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

/// Line breaks and other control characters become spaces: a title cannot add headers to a mail, nor lines to its text.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

/// Text for HTML, in elements and in quoted attributes.
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
    fn the_seller_is_told_the_price_and_the_bidder() {
        let mail = message(Role::Seller, "A lamp", Some(sale())).render();
        assert_eq!(mail.subject, "Sold: A lamp");
        assert_eq!(
            mail.text,
            "Your auction \"A lamp\" has ended.\nThe highest bid is EUR 12.34 by bob.\n\n\
             Auction 00000000-0000-0000-0000-000000000000\n"
        );
        assert!(mail.html.contains("&quot;A lamp&quot; has ended. The highest bid is EUR 12.34 by bob.</p>"));
    }

    #[test]
    fn the_winner_is_told_the_price() {
        let mail = message(Role::Bidder, "A lamp", Some(sale())).render();
        assert_eq!(mail.subject, "You won: A lamp");
        assert!(mail.text.contains("You won it with your bid of EUR 12.34."));
    }

    #[test]
    fn a_seller_without_bids_is_told_so() {
        let mail = message(Role::Seller, "A lamp", None).render();
        assert_eq!(mail.subject, "No bids: A lamp");
        assert!(mail.text.contains("Nobody made a bid."));
    }

    #[test]
    fn a_title_cannot_bring_elements_of_its_own() {
        let mail = message(Role::Seller, "<img src=x onerror='a()'> & \"co\"", None).render();
        assert!(mail.html.contains("&lt;img src=x onerror=&#39;a()&#39;&gt; &amp; &quot;co&quot;"));
        assert!(!mail.html.contains("<img"));
        assert!(mail.text.contains("<img src=x onerror='a()'> & \"co\""));
    }

    proptest! {
        #[test]
        fn no_title_changes_the_form_of_a_mail(title in any::<String>()) {
            let plain = message(Role::Seller, "x", Some(sale())).render();
            let mail = message(Role::Seller, &title, Some(sale())).render();
            prop_assert!(!mail.subject.chars().any(char::is_control));
            prop_assert_eq!(mail.text.lines().count(), plain.text.lines().count());
            prop_assert_eq!(mail.html.matches(['<', '>']).count(), plain.html.matches(['<', '>']).count());
        }
    }
}
