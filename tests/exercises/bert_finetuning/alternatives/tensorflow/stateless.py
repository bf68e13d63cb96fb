"""Accepted: the model as a function of its weights (`stateless_call`), and AdamW as another."""

import keras_hub
import tensorflow as tf


def encode_batch(texts, labels, tokenizer, max_length):
    start, end, pad = tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id
    rows = [[start] + list(tokenizer(text))[: max_length - 2] + [end] for text in texts]
    longest = max(map(len, rows))
    ids = tf.constant([row + [pad] * (longest - len(row)) for row in rows], tf.int32)
    mask = tf.map_fn(lambda n: tf.cast(tf.range(longest) < n, tf.int32), tf.constant([len(row) for row in rows]))
    return {"input_ids": ids, "attention_mask": mask, "labels": tf.constant([label - 1 for label in labels])}


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = keras_hub.models.BertTextClassifier.from_preset(checkpoint, num_classes=num_classes, preprocessor=None)
    head = {id(variable) for variable in model.output_dense.variables}
    for variable in model.trainable_variables if freeze_backbone else ():
        variable.trainable = id(variable) in head
    return model


def called(model, weights, batch, training):
    ids = batch["input_ids"]
    inputs = {"token_ids": ids, "segment_ids": tf.zeros_like(ids), "padding_mask": batch["attention_mask"]}
    others = [variable.value for variable in model.non_trainable_variables]
    logits, others = model.stateless_call(weights, others, inputs, training=training)
    for variable, value in zip(model.non_trainable_variables, others, strict=True):
        variable.assign(value)  # where dropout's random numbers go on from
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch["labels"], logits)
    return losses, tf.argmax(logits, axis=1, output_type=tf.int32) == tf.cast(batch["labels"], tf.int32)


def adamw(weight, gradient, first, second, step, rate):
    first = 0.9 * first + 0.1 * gradient
    second = 0.999 * second + 0.001 * tf.square(gradient)
    size = rate * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)  # the corrections as Keras has them
    return weight - 0.01 * rate * weight - size * first / (tf.sqrt(second) + 1e-8), first, second


def joined(losses, hits):
    losses, hits = tf.concat(losses, axis=0), tf.concat(hits, axis=0)
    return {"loss": float(tf.reduce_mean(losses)), "accuracy": float(tf.reduce_mean(tf.cast(hits, tf.float64)))}


def fine_tune(model, batches, learning_rate, epochs=1):
    weights = [tf.identity(variable.value) for variable in model.trainable_variables]
    moments = [(tf.zeros_like(weight), tf.zeros_like(weight)) for weight in weights]
    history, step = [], 0
    for _ in range(epochs):
        losses, hits = [], []
        for batch in batches:
            step += 1
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                each, right = called(model, weights, batch, training=True)
                loss = tf.reduce_mean(each)
            gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, weights)]
            updated = [
                adamw(w, g, *m, step, learning_rate) for w, g, m in zip(weights, gradients, moments, strict=True)
            ]
            weights, moments = [new[0] for new in updated], [new[1:] for new in updated]
            losses.append(each)
            hits.append(right)
        history.append(joined(losses, hits))
    for variable, weight in zip(model.trainable_variables, weights, strict=True):
        variable.assign(weight)
    return history


def evaluate(model, batches):
    weights = [variable.value for variable in model.trainable_variables]
    found = [called(model, weights, batch, training=False) for batch in batches]
    return joined(*zip(*found, strict=True))
