"""Fine-tuning BERT: a model that has read much text learns a task of yours from a few examples.

Shapes: B texts of a batch, L word pieces of the longest, C classes.
"""

import keras
import keras_hub
import tensorflow as tf


def encode_batch(texts, labels, tokenizer, max_length):
    """Turn texts and their labels into the tensors that a BERT classifier is trained on.

    Arguments: texts, a list of B strings; labels, a list of B whole numbers 1..C, as in AG News's files; tokenizer, a
    keras_hub.models.BertTokenizer; max_length, the largest number of word pieces of a text, [CLS] and [SEP] included.
    Returns: a dict of `input_ids` (B, L), `attention_mask` (B, L), 1 at word pieces and 0 at padding, and `labels` (B,)
    in 0..C-1. L is the length of the longest text, at most max_length.
    """
    ### BEGIN SOLUTION
    start, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    rows = [[start, *pieces[: max_length - 2], end] for pieces in tokenizer(list(texts))]
    ids = tf.ragged.constant(rows, dtype=tf.int32)  # each row as long as its text
    return {
        "input_ids": ids.to_tensor(tokenizer.pad_token_id),
        "attention_mask": tf.sequence_mask(ids.row_lengths(), dtype=tf.int32),
        "labels": tf.constant(labels) - 1,
    }
    ### END SOLUTION


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    """A BERT classifier with the weights of a pre-trained checkpoint and a new classification layer.

    Arguments: checkpoint, the folder of a Hugging Face checkpoint; num_classes, C; freeze_backbone, whether all but the
    classification layer keeps its weights in training.
    Returns: a keras_hub.models.BertTextClassifier without preprocessor that gives logits (B, C).
    Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (2019), section 4.1.
    """
    ### BEGIN SOLUTION
    model = keras_hub.models.BertTextClassifier.from_preset(checkpoint, num_classes=num_classes, preprocessor=None)
    if freeze_backbone:
        model.backbone.trainable = False
    return model
    ### END SOLUTION


def fine_tune(model, batches, learning_rate, epochs=1):
    """Train a classifier on batches, in their order, with AdamW.

    Arguments: model, a BertTextClassifier; batches, a list of dicts as encode_batch gives them; learning_rate,
    constant; epochs, how often to go through all batches.
    AdamW is Keras's, with weight decay 0.01 on everything and epsilon 1e-8.
    Returns: a list of dicts, one an epoch, with `loss` and `accuracy` (a fraction): means over the epoch's examples, as
    they were when they were trained on.
    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019).
    """
    ### BEGIN SOLUTION
    weights = model.trainable_variables
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=0.01, epsilon=1e-8)
    optimizer.build(weights)

    # Compiled once, for batches of any size and length; without it each step would take ten times as long.
    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)] * 2 + [tf.TensorSpec((None,), tf.int32)])
    def step(ids, mask, labels):
        with tf.GradientTape() as tape:
            inputs = {"token_ids": ids, "segment_ids": tf.zeros_like(ids), "padding_mask": mask}
            logits = model(inputs, training=True)  # (B, C)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)  # (B,)
            loss = tf.reduce_mean(losses)
        optimizer.apply(tape.gradient(loss, weights), weights)
        hits = tf.argmax(logits, axis=-1, output_type=tf.int32) == labels
        return tf.reduce_sum(losses), tf.reduce_sum(tf.cast(hits, tf.int32))

    history = []
    for _ in range(epochs):
        loss_sum, correct, count = 0.0, 0, 0
        for batch in batches:
            loss, hits = step(batch["input_ids"], batch["attention_mask"], batch["labels"])
            loss_sum += float(loss)
            correct += int(hits)
            count += len(batch["labels"])
        history.append({"loss": loss_sum / count, "accuracy": correct / count})
    return history
    ### END SOLUTION


def evaluate(model, batches):
    """Measure a classifier on batches, without training it.

    Arguments: model and batches as in fine_tune.
    Returns: a dict of `loss` and `accuracy` (a fraction), means over all examples. Dropout is off.
    """
    ### BEGIN SOLUTION
    loss_sum, correct, count = 0.0, 0, 0
    for batch in batches:
        ids, mask, labels = batch["input_ids"], batch["attention_mask"], batch["labels"]
        logits = model({"token_ids": ids, "segment_ids": tf.zeros_like(ids), "padding_mask": mask}, training=False)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)  # (B,)
        hits = tf.argmax(logits, axis=-1, output_type=tf.int32) == labels
        loss_sum += float(tf.reduce_sum(losses))
        correct += int(tf.reduce_sum(tf.cast(hits, tf.int32)))
        count += len(labels)
    return {"loss": loss_sum / count, "accuracy": correct / count}
    ### END SOLUTION
