-- One row per form or landing page, archived ones too.
-- @key: id
-- @from: forms
-- @slice: forms
-- @unknown: How often a form was seen.
-- id: The form's id.
-- uid: The id in the form's public address; legacy forms have none.
-- name: The form's name.
-- type: `embed` for forms, `hosted` for landing pages.
-- format: `inline`, `modal`, `slide in`, `sticky bar`, or null.
-- archived: Whether the form is archived.
-- title: Heading; legacy forms only.
-- description: Text in HTML; legacy forms only.
-- sign_up_button_text: Text of the button; legacy forms only.
-- success_message: What is shown after signing up; legacy forms only.
-- url: Public address; legacy forms only.
-- embed_js: Address of the script that embeds the form; a key in it is masked.
-- embed_url: Address of the form's HTML.
-- created_at: When the form was made.
select
    as_bigint(record ->> 'id') as id,
    record ->> 'uid' as uid,
    record ->> 'name' as name,
    record ->> 'type' as type,
    record ->> 'format' as format,
    as_boolean(record ->> 'archived') as archived,
    record ->> 'title' as title,
    record ->> 'description' as description,
    record ->> 'sign_up_button_text' as sign_up_button_text,
    record ->> 'success_message' as success_message,
    record ->> 'url' as url,
    record ->> 'embed_js' as embed_js,
    record ->> 'embed_url' as embed_url,
    as_timestamp(record ->> 'created_at') as created_at,
    record as _extra,
    observed_at as _synced_at
from records
where stream = 'forms'
