use crate::{CanFrame, CanId, Database, Error, Message};

fn database(ids: &[&str]) -> Result<Database, Error> {
    let message = |id: &&str| Message::new(id.parse().unwrap(), &format!("M{id}"), 8, vec![]).unwrap();
    Database::new(ids.iter().map(message).collect())
}

#[test]
fn a_message_is_found_by_its_id_and_width() {
    let database = database(&["7FF", "000", "18DAF110", "00000000", "1FFFFFFF"]).unwrap();
    for message in database.messages() {
        let found = database.message(message.id()).unwrap();
        assert_eq!(found.name(), message.name());
        assert_eq!(database.message_named(message.name()).unwrap().id(), message.id());
    }
    for absent in ["001", "7FE", "000007FF", "18DAF111"] {
        assert!(database.message(absent.parse().unwrap()).is_none(), "{absent}");
    }
}

#[test]
fn two_messages_cannot_have_one_id() {
    for ids in [["123", "456", "123"], ["18DAF110", "123", "18DAF110"]] {
        let error = database(&ids).unwrap_err();
        let id: CanId = ids[0].parse().unwrap();
        assert!(matches!(error, Error::DuplicateId { id: twice, .. } if twice == id), "{error}");
    }
}

#[test]
fn a_frame_of_an_unknown_id_decodes_to_nothing() {
    let database = database(&["123"]).unwrap();
    let frame = |id: &str| CanFrame::new(id.parse().unwrap(), &[0; 8]).unwrap();
    assert!(database.decode(&frame("123"), |_| ()).is_some());
    assert!(database.decode(&frame("124"), |_| ()).is_none());
    assert!(Database::new(vec![]).unwrap().decode(&frame("000"), |_| ()).is_none());
}
