-- One row per broadcast with its detail, including drafts and scheduled ones; the status is in broadcast_stats.
-- @key: id
-- @from: broadcasts
-- @slice: broadcasts
-- @unknown: Who received it, and which segments or filters selected them.
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
with answers as (
    select
        from_json(
            record,
            texts(
                'id, subject, description, content, public, email_address, email_layout_template, '
                || 'thumbnail_alt, thumbnail_url, created_at, published_at, send_at'
            )
        ) as given,
        record,
        observed_at
    from records
    where slice = 'broadcasts/detail' -- the list has only three of the columns; it says which ones there are
)

select
    as_bigint(given.id) as id,
    given.subject,
    given.description,
    given.content,
    as_boolean(given.public) as public,
    given.email_address,
    given.email_layout_template,
    given.thumbnail_alt,
    given.thumbnail_url,
    as_timestamp(given.created_at) as created_at,
    as_timestamp(given.published_at) as published_at,
    as_timestamp(given.send_at) as send_at,
    record as _record,
    observed_at as _synced_at
from answers
