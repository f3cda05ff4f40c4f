-- One row per broadcast with its detail, drafts and scheduled ones too; its status is in broadcast_stats.
-- @key: id
-- @from: broadcasts
-- @slice: broadcasts
-- @unknown: To whom it went, and which segments or filters chose them.
-- id: The broadcast's id.
-- subject: The subject line; drafts may have none.
-- description: The internal description.
-- content: The content in HTML with Liquid tags.
-- public: Whether it is also a public post.
-- email_address: The sender's address.
-- email_layout_template: Name of the email template.
-- thumbnail_alt: ALT text of the post's picture.
-- thumbnail_url: Address of the post's picture.
-- created_at: When the broadcast was made.
-- published_at: When the post was published; also filled after sending.
-- send_at: When it was, or is to be, sent; null for drafts.
select
    as_bigint(record ->> 'id') as id,
    record ->> 'subject' as subject,
    record ->> 'description' as description,
    record ->> 'content' as content,
    as_boolean(record ->> 'public') as public,
    record ->> 'email_address' as email_address,
    record ->> 'email_layout_template' as email_layout_template,
    record ->> 'thumbnail_alt' as thumbnail_alt,
    record ->> 'thumbnail_url' as thumbnail_url,
    as_timestamp(record ->> 'created_at') as created_at,
    as_timestamp(record ->> 'published_at') as published_at,
    as_timestamp(record ->> 'send_at') as send_at,
    record as _extra,
    observed_at as _synced_at
from records
where slice = 'broadcasts/detail' -- the list has only three of the columns; it says which ones there are
