//! The nouns both programs share. Pure; knows `unitfile` only.
