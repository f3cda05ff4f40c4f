-- One row per post, the public page of a broadcast (v4).
-- @key: id
-- @from: posts
-- @slice: posts
-- @partly: content
-- id: The post's id.
-- publication_id: The id that the post shares with its broadcast.
-- title: The title.
-- slug: The last part of its URL.
-- description: The description.
-- meta_description: The description for search engines.
-- thumbnail_alt: Alternative text of its picture.
-- thumbnail_url: URL of its picture.
-- status: `draft`, `scheduled` or `published`.
-- published_at: When it was or will be published.
-- sent_at: When its broadcast was sent.
-- is_paid: Whether only paying people can read it.
-- public_url: Its URL.
-- product_id: Id of the product that gives access to it.
-- content: The content, as HTML; null with `pull.content = false`.
-- created_at: When it was created.
with answers as (
    select
        from_json(
            record,
            texts(
                'id, publication_id, title, slug, description, meta_description, thumbnail_alt, thumbnail_url, '
                || 'status, published_at, sent_at, is_paid, public_url, product_id, content, created_at'
            )
        ) as given,
        record,
        observed_at
    from records
    where stream = 'posts'
)

select
    as_bigint(given.id) as id,
    as_bigint(given.publication_id) as publication_id,
    given.title,
    given.slug,
    given.description,
    given.meta_description,
    given.thumbnail_alt,
    given.thumbnail_url,
    given.status,
    as_timestamp(given.published_at) as published_at,
    as_timestamp(given.sent_at) as sent_at,
    as_boolean(given.is_paid) as is_paid,
    given.public_url,
    as_bigint(given.product_id) as product_id,
    given.content,
    as_timestamp(given.created_at) as created_at,
    record as _record,
    lacking(record, 'content') as _lacks,
    observed_at as _synced_at
from answers
