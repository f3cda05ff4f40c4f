-- One row per broadcast with its detail, including drafts and scheduled ones; under v3 the status is in
-- broadcast_stats.
-- @key: id
-- @from: broadcasts
-- @slice: broadcasts
-- @partly: content, public, email_address, email_layout_template, thumbnail_alt, thumbnail_url, publication_id, status,
-- preview_text, public_url, email_template_id, subscriber_filter
-- @unknown: Who received it; under v3 which segments or filters selected them.
-- id: The broadcast's id.
-- subject: The subject line; drafts may have none.
-- description: The internal description.
-- content: The content, as HTML with Liquid tags.
-- public: Whether it is also a public post.
-- email_address: The sender's address.
-- email_layout_template: Name of the email template.
-- thumbnail_alt: Alternative text of the post's picture.
-- thumbnail_url: URL of the post's picture.
-- created_at: When the broadcast was created.
-- published_at: When the post was published; also set after sending.
-- send_at: When it was or will be sent; null for drafts.
-- publication_id: The id that the broadcast shares with its post (v4).
-- status: `draft`, `scheduled`, `sending`, `completed` or `aborted` (v4).
-- preview_text: The preview text (v4).
-- public_url: URL of the post (v4).
-- email_template_id: Id of the email template (v4).
-- subscriber_filter: The recipients: segments and tags (v4).
with answers as (
    select
        from_json(
            record,
            '{"id": "VARCHAR", "subject": "VARCHAR", "description": "VARCHAR", "content": "VARCHAR",
              "public": "VARCHAR", "email_address": "VARCHAR", "email_layout_template": "VARCHAR",
              "thumbnail_alt": "VARCHAR", "thumbnail_url": "VARCHAR", "created_at": "VARCHAR",
              "published_at": "VARCHAR", "send_at": "VARCHAR", "publication_id": "VARCHAR", "status": "VARCHAR",
              "preview_text": "VARCHAR", "public_url": "VARCHAR", "email_template_id": "VARCHAR",
              "email_template": {"id": "VARCHAR", "name": "VARCHAR"}, "subscriber_filter": "JSON"}'
        ) as given,
        record,
        observed_at
    from records
    -- the list of v3 has only three of the columns; it says which ones there are
    where slice = 'broadcasts/detail' or (stream = 'broadcasts' and version = 'v4')
)

select
    as_bigint(given.id) as id,
    given.subject,
    given.description,
    given.content,
    as_boolean(given.public) as public,
    given.email_address,
    coalesce(given.email_layout_template, given.email_template.name) as email_layout_template,
    given.thumbnail_alt,
    given.thumbnail_url,
    as_timestamp(given.created_at) as created_at,
    as_timestamp(given.published_at) as published_at,
    as_timestamp(given.send_at) as send_at,
    as_bigint(given.publication_id) as publication_id,
    given.status,
    given.preview_text,
    given.public_url,
    as_bigint(coalesce(given.email_template_id, given.email_template.id)) as email_template_id,
    given.subscriber_filter,
    record as _record,
    read_whole(record, 'email_template', 'id, name') as _read,
    list_concat(
        lacking(
            record,
            'content, public, email_address, thumbnail_alt, thumbnail_url, publication_id, status, preview_text, '
            || 'public_url, subscriber_filter'
        ),
        case
            when json_exists(record, '$.email_template') then []
            else lacking(record, 'email_layout_template, email_template_id')
        end
    ) as _lacks,
    observed_at as _synced_at
from answers
