//! Server-sent events, from bytes to messages.
//!
//! Pure: it is fed chunks as they come, cut anywhere. It must not know what the messages mean.

/// A message's lines may take this much; fleet's events are a few KiB.
const MESSAGE_BYTES_MAX: usize = 1 << 20; // 1 MiB

/// One message: its `event:` name, its `data:`, and its `id:` if it has one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// What follows `event:`.
    pub name: String,
    /// What follows `data:`, line by line.
    pub data: String,
    /// What follows `id:`.
    pub id: Option<String>,
}

/// The stream sent a message without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of the event stream is longer than {MESSAGE_BYTES_MAX} bytes")]
pub struct TooLong;

/// What of the stream has come so far and is not a whole message yet.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    message: Message,
    has_data: bool,
    /// The last byte was a CR, so an LF now belongs to the same end of line.
    after_cr: bool,
}

impl Parser {
    /// Takes the next chunk and returns the messages that it completes.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Message>, TooLong> {
        let mut complete = Vec::new();
        for &byte in chunk {
            let second_half = std::mem::replace(&mut self.after_cr, byte == b'\r') && byte == b'\n';
            if second_half {
                continue;
            }
            if byte == b'\r' || byte == b'\n' {
                complete.extend(self.end_line());
            } else {
                self.line.push(byte);
            }
            if self.line.len() + self.message.data.len() > MESSAGE_BYTES_MAX {
                return Err(TooLong);
            }
        }
        Ok(complete)
    }

    /// A blank line completes a message, if it has data; any other line adds to it.
    fn end_line(&mut self) -> Option<Message> {
        if self.line.is_empty() {
            let message = std::mem::take(&mut self.message);
            return std::mem::take(&mut self.has_data).then_some(message);
        }
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.message.name = value.to_owned(),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
            }
            "id" => self.message.id = Some(value.to_owned()),
            // Comments (an empty field) keep the connection alive; other fields are for later
            // versions.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(id: Option<&str>, name: &str, data: &str) -> Message {
        Message { name: name.to_owned(), data: data.to_owned(), id: id.map(str::to_owned) }
    }

    fn parse(stream: &str) -> Vec<Message> {
        Parser::default().push(stream.as_bytes()).expect("short")
    }

    #[test]
    fn messages_are_told_apart() {
        let stream = "event: ready\nid: 7\ndata: {\"revision\":7}\n\n: keep-alive\n\n\
                      event:unit\r\ndata: a\r\ndata:b\r\n\r\ndata: c\r\rid: 8\n\nevent: cut";
        let expected = [
            message(Some("7"), "ready", "{\"revision\":7}"),
            message(None, "unit", "a\nb"),
            message(None, "", "c"),
        ];
        assert_eq!(parse(stream), expected);
    }

    #[test]
    fn a_message_without_data_is_none() {
        assert_eq!(parse("event: unit\n\ndata\n\n"), [message(None, "", "")]);
    }

    #[test]
    fn a_message_without_end_is_an_error() {
        let mut parser = Parser::default();
        let chunk = [b'x'; 4096];
        let outcome = (0..1024).try_for_each(|_| parser.push(&chunk).map(drop));
        assert_eq!(outcome, Err(TooLong));
    }

    proptest! {
        #[test]
        fn chunks_may_be_cut_anywhere(
            lines in prop::collection::vec("(event: ?[a-z]{0,4}|data:? ?.{0,6}|id: 1|:x|)(\n|\r|\r\n)", 0..20),
            cuts in prop::collection::vec(1usize..9, 1..40),
        ) {
            let stream = lines.concat();
            let mut bytes = stream.as_bytes();
            let mut parser = Parser::default();
            let mut got = Vec::new();
            for cut in cuts.iter().cycle() {
                if bytes.is_empty() {
                    break;
                }
                let (chunk, rest) = bytes.split_at((*cut).min(bytes.len()));
                got.extend(parser.push(chunk).expect("short"));
                bytes = rest;
            }
            prop_assert_eq!(got, parse(&stream));
        }
    }
}
