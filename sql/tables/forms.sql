-- One row per form or landing page, including archived ones.
-- @key: id
-- @from: forms
-- @slice: forms
-- @partly: uid, type, format, archived, title, description, sign_up_button_text, success_message, url, embed_js,
-- embed_url, created_at
-- @unknown: How often a form was viewed.
-- id: The form's id.
-- uid: The id in the form's public URL; null for legacy forms.
-- name: The form's name.
-- type: `embed` for forms, `hosted` for landing pages.
-- format: `inline`, `modal`, `slide in`, `sticky bar`, or null.
-- archived: Whether the form is archived.
-- title: Heading; legacy forms only.
-- description: Text in HTML; legacy forms only.
-- sign_up_button_text: Button text; legacy forms only.
-- success_message: Message shown after sign-up; legacy forms only.
-- url: Public URL; legacy forms only.
-- embed_js: URL of the script that embeds the form; a key in it is masked.
-- embed_url: URL of the form's HTML.
-- created_at: When the form was created.
with answers as (
    select
        from_json(
            record,
            texts(
                'id, uid, name, type, format, archived, title, description, sign_up_button_text, '
                || 'success_message, url, embed_js, embed_url, created_at'
            )
        ) as given,
        record,
        observed_at
    from records
    where stream = 'forms'
)

select
    as_bigint(given.id) as id,
    given.uid,
    given.name,
    given.type,
    given.format,
    as_boolean(given.archived) as archived,
    given.title,
    given.description,
    given.sign_up_button_text,
    given.success_message,
    given.url,
    given.embed_js,
    given.embed_url,
    as_timestamp(given.created_at) as created_at,
    record as _record,
    ['subscriber_count'] as _read,
    lacking(
        record,
        'uid, type, format, archived, title, description, sign_up_button_text, success_message, url, embed_js, '
        || 'embed_url, created_at'
    ) as _lacks,
    observed_at as _synced_at
from answers
